"""Counts what a run of tests gave, case by case: the table and the last line of tools/test.sh.

    test_results.py collect STAGE BUILD_FOLDER JUNIT RESULTS   appends a line a case to RESULTS
    test_results.py summary RESULTS                            prints the table; exit status 1 if a case failed

JUNIT is what ctest wrote. A ctest test that is a whole program of cases (GoogleTest, pytest, unittest) leaves a file
of its own, BUILD_FOLDER/reports/NAME.xml; its cases are counted then, not the program. A program that fails
without a failed case to show for it (a crash, a time-out) counts as one more failure.

A line of RESULTS: stage, suite, "passed" | "failed" | "skipped" | "time", seconds, name; apart by tabs.
"""
import collections
import pathlib
import sys
import xml.etree.ElementTree as ElementTree

LONGEST_EXCERPT = 60  # lines


def excerpt(text):
    lines = (text or "").rstrip().splitlines()
    left_out = len(lines) - LONGEST_EXCERPT
    return "\n".join(([f"… {left_out} lines before"] if left_out > 0 else []) + lines[-LONGEST_EXCERPT:])


def cases_of(report):
    """(result, seconds, name, what it said) for each case of a GoogleTest or pytest report; None without a whole one."""
    try:
        root = ElementTree.parse(report).getroot()
    except (OSError, ElementTree.ParseError):
        return None
    cases = []
    for case in root.iter("testcase"):
        name = f"{case.get('classname', '').split('.')[-1]}.{case.get('name')}"
        failures = case.findall("failure") + case.findall("error")
        if failures:
            said = "\n".join(failure.text or failure.get("message") or "" for failure in failures)
            result = "failed"
        elif case.find("skipped") is not None or case.get("result") == "skipped" or case.get("status") == "notrun":
            said, result = "", "skipped"
        else:
            said, result = "", "passed"
        cases.append((result, float(case.get("time") or 0), name, said))
    return cases


def collect(stage, folder, junit, results):
    """A disabled or missing ctest test counts as failed: nothing may be left out in silence."""
    lines = []
    for test in ElementTree.parse(junit).getroot().iter("testcase"):
        name, good = test.get("name"), test.get("status") == "run"
        suite = name.split(".")[0] if "." in name and not name.endswith(".threads") else "unit"
        cases = cases_of(pathlib.Path(folder) / "reports" / f"{name}.xml")
        if cases == []:
            cases = [("failed", 0, "", "no case was run")]
        elif cases is None:
            cases = [("passed", 0, "", "")] if good else []
        if not good and not any(result == "failed" for result, *_ in cases):
            output = test.find("system-out")
            cases.append(("failed", 0, "", output.text if output is not None else "no output"))
        lines.append((stage, suite, "time", test.get("time") or "0", name))
        for result, seconds, case, said in cases:
            whole = f"{name}: {case}" if case else name
            lines.append((stage, suite, result, str(seconds), whole))
            if result == "failed":
                print(f"--- {stage}: {whole}\n{excerpt(said)}")
    with open(results, "a", encoding="utf-8") as file:
        file.writelines("\t".join(field.replace("\t", " ").replace("\n", " ") for field in line) + "\n" for line in lines)


def summary(results):
    counts, seconds, named = collections.OrderedDict(), collections.Counter(), {"failed": [], "skipped": []}
    for line in pathlib.Path(results).read_text(encoding="utf-8").splitlines():
        stage, suite, result, time, name = line.split("\t")
        count = counts.setdefault((stage, suite), collections.Counter())
        if result == "time":
            seconds[stage, suite] += float(time)
            continue
        count[result] += 1
        if result in named:
            named[result].append(f"{stage}: {name}")
    rows = [("stage", "suite", "passed", "failed", "skipped", "seconds")]
    for (stage, suite), count in counts.items():
        numbers = [str(count[result]) if count else "" for result in ("passed", "failed", "skipped")]
        rows.append((stage, suite, *numbers, f"{seconds[stage, suite]:.0f}"))
    widths = [max(len(row[column]) for row in rows) for column in range(6)]
    for row in rows:
        cells = [cell.ljust(widths[i]) if i < 2 else cell.rjust(widths[i]) for i, cell in enumerate(row)]
        print("  ".join(cells).rstrip())
    for result, names in named.items():
        for name in names:
            print(f"{result.upper()} {name}")
    passed, failed, skipped = (sum(count[result] for count in counts.values())
                               for result in ("passed", "failed", "skipped"))
    print(f"{passed} passed, {failed} failed" + (f", {skipped} skipped" if skipped else ""))
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    if sys.argv[1:2] == ["collect"] and len(sys.argv) == 6:
        collect(*sys.argv[2:])
    elif sys.argv[1:2] == ["summary"] and len(sys.argv) == 3:
        sys.exit(summary(sys.argv[2]))
    else:
        sys.exit(__doc__)
