"""Prints "run" or "fail", a tab and the name for each test of a JUnit file that ctest wrote.

A test that was skipped or disabled counts as failed: nothing in this project may be left out in silence.
"""
import sys
import xml.etree.ElementTree as ElementTree

for case in ElementTree.parse(sys.argv[1]).getroot().iter("testcase"):
    print("run" if case.get("status") == "run" else "fail", case.get("name"), sep="\t")
