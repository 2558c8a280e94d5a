#!/usr/bin/env python3
"""How many tests a runner's log speaks of: count_tests.py ctest|node FILE prints "PASSED FAILED SKIPPED".

ctest: the output of `ctest --verbose`. An executable counts by what its own framework (cmocka,
unittest) closes with; one that ended badly without a word counts as one failure. node: the closing
lines of Node's test runner, in either of its forms.
"""
import collections
import re
import sys

CTEST_END = re.compile(r"^\s*\d+/\d+ Test\s+#(\d+): \S+ \.*\s*(\*\*\*)?(Passed|Failed|Skipped|Not Run|Timeout|Exception)?")
CMOCKA = re.compile(r"^\[\s+(PASSED|FAILED|SKIPPED)\s*\] (\d+) test\(s\)")
UNITTEST_RAN = re.compile(r"^Ran (\d+) tests? in")
UNITTEST_BAD = re.compile(r"^(?:FAILED|OK) \((.*)\)$")
NODE = re.compile(r"^(?:#|ℹ) (pass|fail|cancelled|skipped|todo) (\d+)$")


def add_unittest(found, line):
    ran, details = UNITTEST_RAN.match(line), UNITTEST_BAD.match(line)
    if ran:
        found["passed"] += int(ran[1])
    if details:
        for word, number in re.findall(r"([a-z ]+)=(\d+)", details[1]):
            kind = "skipped" if word.strip() == "skipped" else "failed"
            found[kind] += int(number)
            found["passed"] -= int(number)


def count_ctest(lines):
    said = collections.defaultdict(collections.Counter)  # by the number of the executable
    total = collections.Counter()
    for line in lines:
        own, end = re.match(r"^(\d+): (.*)$", line), CTEST_END.match(line)
        if own:
            cmocka = CMOCKA.match(own[2])
            if cmocka:
                said[own[1]][cmocka[1].lower()] += int(cmocka[2])
            add_unittest(said[own[1]], own[2])
        elif end:
            found = said[end[1]]
            if end[2] and not found["failed"]:
                found["failed"] += 1
            elif not end[2] and not sum(found.values()):
                found["passed"] += 1
            total += found
    return total


def count_node(lines):
    names = {"pass": "passed", "fail": "failed", "cancelled": "failed", "skipped": "skipped", "todo": "skipped"}
    total = collections.Counter()
    for line in lines:
        found = NODE.match(line)
        if found:
            total[names[found[1]]] += int(found[2])
    return total


def main():
    with open(sys.argv[2], encoding="utf-8", errors="replace") as log:
        total = {"ctest": count_ctest, "node": count_node}[sys.argv[1]](log.read().splitlines())
    print(total["passed"], total["failed"], total["skipped"])


main()
