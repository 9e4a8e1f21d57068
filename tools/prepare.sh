#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# usage: tools/prepare.sh demo|build|test|check|soak|bench
#
# Makes ready what `make` needs: system packages (installed when we are root or have sudo, else
# named), a work folder outside the checkout that every user can read, a virtual environment in it,
# and mod_cask built and installed there. Each step is skipped when nothing it depends on changed.
# Prints nothing when there is nothing to do. The Makefile sets CASK_WORK, and PYTHON if asked.
set -euo pipefail
umask 022
purpose=${1:?demo, build, test, check, soak or bench}
top=$(cd "$(dirname "$0")/.." && pwd -P)
work=${CASK_WORK:?the work folder}
export PATH="$PATH:/usr/sbin:/usr/local/sbin:/sbin" PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore

say() { printf 'prepare: %s\n' "$*"; }
fail() { printf 'prepare: error: %s\n' "$*" >&2; exit 1; }
have() { command -v "$1" >/dev/null 2>&1; }
left_out() { case " ${WITHOUT:-} " in *" $1 "*) true ;; *) false ;; esac; } # tools of make check
can_install() { have apt-get && { [ "$(id -u)" = 0 ] || { have sudo && { [ -t 0 ] || sudo -n true 2>/dev/null; }; }; }; }
have_libfuzzer() { have clang && [ -f "$(clang -print-file-name="libclang_rt.fuzzer-$(uname -m).a")" ]; }
clang_runtime() { if apt-cache show libclang-rt-dev >/dev/null 2>&1; then echo libclang-rt-dev; fi; }
as_root() { if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi; }
new_enough() { "$1" -c 'import sys; sys.exit(sys.version_info < (3, 10))' 2>/dev/null; }

# The work folder's parent is in a folder that everybody can write: it must be ours.
make_work() {
    local parent
    parent=$(dirname "$work")
    mkdir -p -m 755 "$parent"
    if [ -L "$parent" ] || [ "$(stat -c %u "$parent")" != "$(id -u)" ]; then
        fail "'$parent' belongs to another user; set CASK_WORK to a folder of your own"
    fi
    mkdir -p "$work"
}

# The system's Python is preferred: other users can run it, unlike one in a home directory.
find_python() {
    local python
    for python in "${PYTHON:-}" /usr/bin/python3 python3; do
        if [ -n "$python" ] && have "$python" && new_enough "$python"; then
            command -v "$python"
            return
        fi
    done
    return 1
}

packaged() { have apt-cache && apt-cache show "$1" >/dev/null 2>&1; }

# What is missing, as names of Debian packages. Looks at files; asks the package manager only for
# what not every release has.
missing_packages() {
    local python=$1 minor tool headers modules
    minor=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
    have apache2 || have httpd || echo apache2-bin
    headers=$( (apxs -q INCLUDEDIR || apxs2 -q INCLUDEDIR) 2>/dev/null || true)
    [ -n "$headers" ] && [ -f "$headers/httpd.h" ] || echo apache2-dev
    echo '#include <stdio.h>' | cc -fsyntax-only -xc - 2>/dev/null || echo build-essential
    "$python" -c 'import sys, sysconfig, os; sys.exit(not os.path.exists(sysconfig.get_path("include") + "/Python.h"))' ||
        echo "python$minor-dev"
    "$python" -c 'import ensurepip, venv' 2>/dev/null || echo "python$minor-venv"
    case $purpose in
    build | test | check | soak)
        for tool in git curl openssl; do have "$tool" || echo "$tool"; done ;;
    esac
    case $purpose in
    test | check | soak)
        have strace || echo strace
        modules=$( (apxs -q LIBEXECDIR || apxs2 -q LIBEXECDIR) 2>/dev/null || true)
        [ -f "$modules/mod_xsendfile.so" ] || ! packaged libapache2-mod-xsendfile || echo libapache2-mod-xsendfile ;;
    esac
    # Without clang the fuzzers have a driver of their own; a soak needs libFuzzer.
    case $purpose in
    test) have clang || left_out clang || ! can_install || echo "clang $(clang_runtime)" ;;
    soak) have_libfuzzer || echo "clang $(clang_runtime)" ;;
    esac
    if [ "$purpose" = bench ]; then
        for tool in wrk valgrind; do have "$tool" || echo "$tool"; done
    fi
    if [ "$purpose" = check ]; then
        have clang || left_out clang || echo clang
        have clang-format-14 || have clang-format || left_out clang-format || echo clang-format-14
        have cppcheck || left_out cppcheck || echo cppcheck
    fi
}

install_packages() {
    local python=$1 packages
    packages=$(missing_packages "$python" | tr '\n' ' ')
    [ -n "${packages// /}" ] || return 0
    if can_install; then
        say "installing $packages"
        as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq update >/dev/null ||
            say "the list of packages could not be renewed; going on with the old one"
        # Never apache2 itself: that package starts a server on port 80.
        # shellcheck disable=SC2086
        as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends $packages >"$work/apt.log" 2>&1 || {
            tail -n 20 "$work/apt.log" >&2
            fail "apt-get could not install $packages"
        }
    elif have apt-get; then
        fail "missing: $packages; run: sudo apt-get install --no-install-recommends $packages"
    else
        fail "missing (by Debian's names): $packages; install them: httpd, httpd-devel, gcc, python3-devel, git and curl on Fedora and RHEL; apache2, apache2-dev, build-base, python3-dev, git and curl on Alpine; httpd from Homebrew on macOS"
    fi
}

# Runs a command unless it succeeded with the same text before: once NAME TEXT command...
once() {
    local stamp=$work/$1.stamp text=$2
    shift 2
    if [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$text" ]; then return 0; fi
    rm -f "$stamp"
    "$@"
    printf '%s\n' "$text" >"$stamp"
}

make_venv() {
    say "making a virtual environment with $1"
    rm -rf "$work/venv" "$work"/*.stamp
    "$1" -m venv "$work/venv"
}

# The frameworks that the tests serve have an environment of their own, without mod_cask: some want
# older packages than the tests themselves, and so it is with most users.
make_applications() {
    say "installing the applications that the tests serve"
    rm -rf "$work/applications"
    "$1" -m venv "$work/applications"
    "$work/applications/bin/python" -m pip install -q -r "$top/tests/apps/requirements.txt" ||
        fail "pip could not install tests/apps/requirements.txt"
}

pip_install() {
    "$work/venv/bin/python" -m pip install -q --no-warn-conflicts "$@" || fail "pip could not install: $*"
}

install_requirements() {
    say "installing the Python packages of $1"
    pip_install -r "$top/$1"
}

# Everything is built outside the checkout, so that a checkout may be private or read-only.
build_package() {
    local python=$work/venv/bin/python out=$work/build
    say "building mod_cask (log: $work/build.log)"
    rm -rf "$out/dist" "$out"/lib*/mod_cask/{common,launcher,server,apache}
    mkdir -p "$out/egg"
    (cd "$top" && "$python" setup.py -q egg_info --egg-base "$out/egg" build --build-base "$out" \
        build_ext --parallel "$(nproc)" bdist_wheel --bdist-dir "$out/wheel" --dist-dir "$out/dist") \
        >"$work/build.log" 2>&1 || {
        tail -n 40 "$work/build.log" >&2
        fail "the build failed"
    }
    pip_install --no-deps --force-reinstall "$out"/dist/*.whl
}

# What the package is made from, as one text that changes when a file does, comes or goes.
sources() {
    (cd "$top" && find setup.py pyproject.toml README.md src apache \
        \( -name __pycache__ -o -name '*.egg-info' -o -name '.*' \) -prune -o -type f -printf '%p %s %T@\n' |
        LC_ALL=C sort | sha256sum)
}

# In one function, which bash reads whole: the script may change while it runs.
main() {
    local python
    make_work
    exec 9>"$work/lock"
    flock 9
    if ! python=$(find_python); then
        have apt-get || fail "Python 3.10 or newer is missing; name one: make PYTHON=/path/to/python3"
        fail "Python 3.10 or newer is missing; run: sudo apt-get install python3 python3-venv"
    fi
    install_packages "$python"
    once venv "$python $("$python" -V) $top" make_venv "$python"
    once setuptools 1 pip_install -U 'setuptools>=70.1' wheel
    once demo-requirements "$(cat "$top/demo/requirements.txt")" install_requirements demo/requirements.txt
    if [ "$purpose" != demo ]; then
        once tests-requirements "$(cat "$top/tests/requirements.txt")" install_requirements tests/requirements.txt
    fi
    if [ "$purpose" = test ]; then
        once applications "$python $("$python" -V) $(cat "$top/tests/apps/requirements.txt")" make_applications "$python"
    fi
    if [ "$purpose" = bench ]; then
        once bench-requirements "$(cat "$top/tests/bench/requirements.txt")" install_requirements tests/bench/requirements.txt
    fi
    if [ "$purpose" = check ] && ! left_out ruff; then
        once ruff 1 pip_install 'ruff>=0.6,<1'
    fi
    once build "$(sources) ${CFLAGS:-} ${LDFLAGS:-} ${APXS:-}" build_package
    exit
}
main
