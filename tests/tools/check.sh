#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# usage: tests/tools/check.sh check|analyze|format [FILE...]
#
#   check    source rules, format of C, ruff, fast tests, gcc and clang with warnings as errors
#   analyze  clang -Wthread-safety, gcc -fanalyzer, cppcheck: no findings
#   format   reformat the C files (all, or those named)
#
# Installs nothing. A tool that is missing fails the run, unless WITHOUT names it:
#   WITHOUT="clang ruff" make check
# PY: the Python that has pytest (and ruff); JOBS: compilers at a time.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 2

PY=${PY:-python3}
JOBS=${JOBS:-$(nproc 2>/dev/null || echo 2)}
WITHOUT=" ${WITHOUT:-} "
WARNINGS="-Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wold-style-definition
    -Wvla -Wformat=2 -Wundef -Wpointer-arith -Wwrite-strings -Wnull-dereference
    -Wimplicit-fallthrough"
COMMON="-std=gnu11 -D_GNU_SOURCE -DCASK_VERSION=\"check\" -fPIC -fvisibility=hidden -Isrc/c"
failed=()
passed=()
left_out=()

# Runs one step and remembers how it came out: step "name" tool command...
step() {
    local name=$1 tool=$2
    shift 2
    if [[ $WITHOUT == *" $tool "* ]]; then
        left_out+=("$name (WITHOUT=$tool)")
        return
    fi
    if ! find_tool "$tool" >/dev/null; then
        printf '%s: %s is missing; install it, or leave it out with WITHOUT=%s\n' \
            "$name" "$tool" "$tool" >&2
        failed+=("$name: $tool is missing")
        return
    fi
    printf -- '-- %s\n' "$name"
    if "$@"; then passed+=("$name"); else failed+=("$name"); fi
}

find_tool() {
    case $1 in
    clang-format) command -v clang-format-14 || command -v clang-format ;;
    ruff) command -v "$(dirname "$(command -v "$PY")")/ruff" || command -v ruff ;;
    pytest) "$PY" -c 'import pytest' 2>/dev/null && echo "$PY" ;;
    *) command -v "$1" ;;
    esac
}

c_files() { git ls-files -co --exclude-standard -- "$@" | while read -r f; do
    [ -f "$f" ] && echo "$f"
done; }
all_c() { c_files 'src/c/*.c' 'src/c/*.h' 'tests/*.c' 'tests/*.h'; }
sources() { c_files 'src/c/*.c'; }

# What a room's files need to compile: headers of others as -isystem, no warnings from there.
room_flags() {
    case $1 in
    src/c/platform/problem.c) echo "-DCASK_PROBLEM_ITSELF" ;;
    src/c/apache/*) echo "$HTTPD_FLAGS" ;;
    src/c/interp/* | src/c/gateway/* | src/c/entry/*) echo "$PYTHON_FLAGS" ;;
    esac
}

find_flags() {
    local apxs apr
    export PATH="$PATH:/usr/sbin:/usr/local/sbin"
    apxs=$(command -v apxs || command -v apxs2) || {
        echo "apxs is missing: install apache2-dev (httpd-devel)" >&2
        exit 2
    }
    apr=$("$apxs" -q APR_CONFIG)
    HTTPD_FLAGS="$("$apr" --cppflags --includes) -I$("$apxs" -q INCLUDEDIR)"
    HTTPD_FLAGS=${HTTPD_FLAGS//-I/-isystem }
    PYTHON_FLAGS="-isystem $("$PY" -c 'import sysconfig; print(sysconfig.get_path("include"))')"
    export HTTPD_FLAGS PYTHON_FLAGS COMMON WARNINGS
}

# each_source command... : runs the command with room flags and file appended, JOBS at a time.
each_source() {
    export -f room_flags
    # shellcheck disable=SC2016
    sources | xargs -P "$JOBS" -I{} bash -c \
        'file=$1; shift; exec "$@" $COMMON $(room_flags "$file") "$file"' _ {} "$@"
}

compile_with() {
    # shellcheck disable=SC2086
    each_source "$1" -O2 $WARNINGS -Werror -c -o /dev/null
}

check_format() { all_c | xargs "$(find_tool clang-format)" --dry-run -Werror; }
check_rules() { "$PY" -m pytest -q -p no:cacheprovider tests/source; }
check_unit_py() { "$PY" -m pytest -q -p no:cacheprovider tests/unit_py; }
check_ruff() { "$(find_tool ruff)" check --no-cache .; }

# -Wthread-safety follows interp/gil.h: who holds the GIL.
thread_safety() { each_source clang -fsyntax-only -Wthread-safety -Werror=thread-safety; }

# The engine lives as long as its process, also half built (gateway/engine.c says so).
analyzer_flags() {
    case $1 in
    src/c/gateway/engine.c) echo "-Wno-analyzer-malloc-leak" ;;
    esac
}
export -f analyzer_flags
analyzer() {
    # shellcheck disable=SC2016
    each_source bash -c 'exec gcc -include tests/tools/analyzer.h -O1 -fanalyzer -Werror \
        $(analyzer_flags "${@: -1}") -Wno-maybe-uninitialized -c -o /dev/null "$@"' _
}

check_cppcheck() {
    sources | grep -v -e src/c/apache/ -e src/c/interp/ -e src/c/gateway/ -e src/c/entry/ |
        cppcheck --file-list=- --std=c11 --enable=warning,portability,performance \
            --suppress=missingInclude --suppress=normalCheckLevelMaxBranches --inline-suppr \
            --quiet --error-exitcode=1 -D_GNU_SOURCE -Isrc/c -j "$JOBS"
}

summary() {
    local line
    printf '\n'
    for line in "${passed[@]}"; do printf 'ok       %s\n' "$line"; done
    for line in "${left_out[@]}"; do printf 'left out %s\n' "$line"; done
    for line in "${failed[@]}"; do printf 'FAILED   %s\n' "$line"; done
    [ ${#failed[@]} = 0 ]
}

case ${1:-} in
check)
    find_flags
    step "format of C" clang-format check_format
    step "ruff" ruff check_ruff
    step "source rules" pytest check_rules
    step "unit tests of the Python parts" pytest check_unit_py
    step "gcc without warnings" gcc compile_with gcc
    step "clang without warnings" clang compile_with clang
    summary
    ;;
analyze)
    find_flags
    step "clang -Wthread-safety" clang thread_safety
    step "gcc -fanalyzer" gcc analyzer
    step "cppcheck" cppcheck check_cppcheck
    summary
    ;;
format)
    shift
    formatter=$(find_tool clang-format) || { echo "clang-format is missing" >&2; exit 2; }
    if [ $# -gt 0 ]; then "$formatter" -i "$@"; else all_c | xargs "$formatter" -i; fi
    ;;
*)
    sed -n '3,12s/^# \{0,1\}//p' "$0" >&2
    exit 2
    ;;
esac
