// Ctrl-C and SIGTERM, turned into a flag that long work looks at between steps.
#pragma once

namespace hone {

/// From here on the first SIGINT or SIGTERM only sets the flag (and says so on standard error: "\n", `what` and how to
/// stop at once); a second one ends the program. `what` must live on.
void catch_interrupts(const char* what = "stopping after this step and saving");
bool interrupted();
/// Sets or clears the flag by hand (tests, embedding programs).
void set_interrupted(bool value);

}  // namespace hone
