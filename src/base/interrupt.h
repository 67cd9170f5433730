// Ctrl-C and SIGTERM, turned into a flag that long work looks at between steps.
#pragma once

namespace hone {

/// From here on the first SIGINT or SIGTERM only sets the flag (and says so on standard error);
/// a second one ends the program at once.
void catch_interrupts();
bool interrupted();
/// Sets or clears the flag by hand (tests, embedding programs).
void set_interrupted(bool value);

}  // namespace hone
