/* SPDX-License-Identifier: Apache-2.0 */
/* apache/pythons.h - which interpreter, engine and libpython a python-home stands for, found by
 * looking only: nothing is executed and no library is loaded (architecture.md §6).
 *
 * All strings live in the pool given. Used for daemon groups (interpreter, engine, package_dir) and
 * by apache/embed (the same, and libpython).
 */
#ifndef CASK_APACHE_PYTHONS_H
#define CASK_APACHE_PYTHONS_H

#include <apr_pools.h>

struct cask_python {
    const char *home;        /* as configured, or the one the package was installed with */
    const char *interpreter; /* <home>/bin/python3 or bin/python, absolute; never resolved, a venv
                                is found by it. NULL with a fault */
    const char *version;     /* "3.11", "3.13t"; NULL when looking cannot tell */
    const char *base;        /* prefix of the installation below: a venv's base, else home */
    const char *engine;      /* path of _engine.<SOABI>.so; NULL with a fault */
    const char *package_dir; /* directory that holds the engine and server/boot.py */
    const char *libpython;   /* path for dlopen; NULL with a libpython_fault */
    /* Why no daemon and nothing embedded can run with it: one sentence with the remedy; NULL: all
     * that looking can see is well. */
    const char *fault;
    unsigned fault_number; /* row of lognums.def */
    /* Why it cannot be loaded into httpd (daemons do not care); NULL: libpython is set, or there is
     * a fault. */
    const char *libpython_fault;
};

/* Looks at home; NULL or "": the Python recorded beside the engine, which is the one the package
 * was installed with. Never fails: what is wrong is in the faults. */
const struct cask_python *cask_pythons_find(const char *home, apr_pool_t *pool);

/* Directory of the package beside the running module: <dir of mod_cask.so>/mod_cask if there is
 * one, else that directory itself. */
const char *cask_pythons_package_dir(apr_pool_t *pool);

#endif
