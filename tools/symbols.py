#!/usr/bin/env python3
"""symbols.py [--debug] HEADER.h... LIBRARY...: what libparley exports and what it may not call.

The global names of each library are exactly the functions that the headers mark PARLEY_API, and none of
them refers to a function that ends the process, prints, or changes what belongs to all of it. --debug:
assertions are compiled in."""
import re
import subprocess
import sys

# The process is not ours: its end, its output, its signals, its locale, its environment.
FORBIDDEN = set("""
exit _exit _Exit quick_exit abort atexit __assert_fail __assert_perror_fail raise kill
printf vprintf fprintf vfprintf puts fputs putchar putc fputc fwrite perror dprintf vdprintf
__printf_chk __vprintf_chk __fprintf_chk __vfprintf_chk __dprintf_chk __vdprintf_chk
stdout stderr stdin syslog
signal sigaction bsd_signal sysv_signal __sysv_signal sigprocmask alarm setitimer
setlocale uselocale getenv secure_getenv setenv putenv unsetenv environ __environ
fork vfork execv execve execvp system popen chdir umask setrlimit
rand srand random srandom strtok gmtime localtime
""".split())


def nm(library, *flags):
    out = subprocess.run(["nm", *flags, library], capture_output=True, text=True, check=True).stdout
    rows = [line.split() for line in out.splitlines()]
    return {row[-1].split("@")[0] for row in rows if len(row) >= 2 and not row[-1].endswith(":")}


def promised(header):
    text = re.sub(r"/\*.*?\*/", "", open(header, encoding="utf-8").read(), flags=re.S)
    return set(re.findall(r"^PARLEY_API\b[^;(]*?\b(parley_\w+)\s*\(", text, flags=re.M))


def faults(library, names, forbidden):
    dynamic = ["-D"] if ".so" in library else []
    there = nm(library, *dynamic, "--defined-only", "--extern-only")
    used = nm(library, *dynamic, "--undefined-only")
    yield from (f"{library}: {name} is in a header, not in the library" for name in sorted(names - there))
    yield from (f"{library}: {name} is in no header" for name in sorted(there - names))
    yield from (f"{library}: refers to {name}" for name in sorted(used & forbidden))


def main(args):
    forbidden = FORBIDDEN
    if args and args[0] == "--debug":
        args, forbidden = args[1:], FORBIDDEN - {"__assert_fail"}
    headers = [arg for arg in args if arg.endswith(".h")]
    libraries = args[len(headers):]
    if not headers or not libraries:
        sys.exit(__doc__)
    names = set().union(*map(promised, headers))
    found = [fault for library in libraries for fault in faults(library, names, forbidden)]
    print("\n".join(found) if found else f"{len(names)} functions, {len(libraries)} libraries")
    return 1 if found or not names else 0


sys.exit(main(sys.argv[1:]))
