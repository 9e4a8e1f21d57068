/* SPDX-License-Identifier: Apache-2.0 */
/* apache/pythons.c - which interpreter, engine and libpython a python-home stands for.
 *
 * Owns:    nothing; results live in the pool given.
 * Touches: the file system, reading only. A home may belong to a tenant while root looks: files are
 *          opened without waiting (no FIFO can stop httpd), read up to a limit, and believed only
 *          as text for messages and as paths that the group's own user will use.
 * Threads: configuration time; child_init.
 *
 * Where an answer comes from, first that gives one:
 *   version    name of the file bin/python3 leads to (python3.11) · pyvenv.cfg · the only
 *              lib/pythonX.Y there is
 *   engine     beside the module · site-packages/mod_cask of the home
 *   libpython  lib, lib64, lib/<multiarch> of the base · LIBDIR recorded with the engine, if the
 *              engine was built with the same installation
 */
#include "apache/pythons.h"

#include "apache/config.h"

#include <apr_file_info.h>
#include <apr_lib.h>
#include <apr_strings.h>

#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define TEXT_LIMIT    ((size_t)64 * 1024) /* bytes of pyvenv.cfg or an .info file */
#define ENGINE_PREFIX "_engine.cpython-"
#define OLDEST_MINOR  10

/* The engine's own notes about the Python it was built with. */
struct record {
    const char *soabi; /* "cpython-311-x86_64-linux-gnu", from the file name */
    const char *tag;   /* "311", "313t" */
    const char *libdir;
    const char *instsoname;
    const char *prefix;
    const char *base_prefix;
};

static bool
is_directory(const char *path)
{
    struct stat status;

    return stat(path, &status) == 0 && S_ISDIR(status.st_mode);
}

static bool
is_file(const char *path)
{
    struct stat status;

    return stat(path, &status) == 0 && S_ISREG(status.st_mode);
}

/* Text of a regular file, at most TEXT_LIMIT bytes; NULL when it cannot be read. */
static const char *
read_text(const char *path, apr_pool_t *pool)
{
    struct stat status;
    char *text = NULL;
    size_t len = 0;
    ssize_t got = 1;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

    if (fd < 0) {
        return NULL;
    }
    if (fstat(fd, &status) != 0 || !S_ISREG(status.st_mode)) {
        goto done;
    }
    text = apr_palloc(pool, TEXT_LIMIT + 1);
    while (len < TEXT_LIMIT && got > 0) {
        got = read(fd, text + len, TEXT_LIMIT - len);
        if (got < 0 && errno == EINTR) {
            got = 1;
            continue;
        }
        len += got > 0 ? (size_t)got : 0;
    }
    text[len] = '\0';

done:
    (void)close(fd);
    return text;
}

/* Value of a line "key = value" (pyvenv.cfg) or "key=value" (.info); NULL when there is none. */
static const char *
value_in(const char *text, const char *key, apr_pool_t *pool)
{
    size_t key_len = strlen(key);

    while (text != NULL && *text != '\0') {
        const char *end = text + strcspn(text, "\r\n");
        const char *at = text + strspn(text, " \t");

        if (strncasecmp(at, key, key_len) == 0) {
            at += key_len;
            at += strspn(at, " \t");
            if (*at == '=') {
                at++;
                at += strspn(at, " \t");
                while (end > at && (end[-1] == ' ' || end[-1] == '\t')) {
                    end--;
                }
                return at < end ? apr_pstrmemdup(pool, at, (size_t)(end - at)) : NULL;
            }
        }
        text = end + strspn(end, "\r\n");
    }
    return NULL;
}

static const char *
directory_of(const char *path, apr_pool_t *pool)
{
    const char *slash = strrchr(path, '/');

    if (slash == NULL) {
        return ".";
    }
    return slash == path ? "/" : apr_pstrmemdup(pool, path, (size_t)(slash - path));
}

static const char *
real_path(const char *path, apr_pool_t *pool)
{
    char *resolved = realpath(path, NULL);
    const char *copy;

    if (resolved == NULL) {
        return NULL;
    }
    copy = apr_pstrdup(pool, resolved);
    free(resolved);
    return copy;
}

/* "3.11" or "3.13t" at the beginning of text, which may go on with a word break only; NULL else. */
static const char *
version_at(const char *text, apr_pool_t *pool)
{
    size_t len = strspn(text, "0123456789");

    if (len == 0 || text[len] != '.' || !apr_isdigit(text[len + 1])) {
        return NULL;
    }
    len += 1 + strspn(text + len + 1, "0123456789");
    if (text[len] == 't') {
        len++;
    }
    return apr_isalnum(text[len]) ? NULL : apr_pstrmemdup(pool, text, len);
}

/* "3.11" → "311", as in SOABI. */
static const char *
tag_of(const char *version, apr_pool_t *pool)
{
    const char *dot = strchr(version, '.');

    return apr_pstrcat(pool, apr_pstrmemdup(pool, version, (size_t)(dot - version)), dot + 1, NULL);
}

const char *
cask_pythons_package_dir(apr_pool_t *pool)
{
    Dl_info info;
    const char *beside;
    const char *real;

    if (dladdr(&wsgi_module, &info) == 0 || info.dli_fname == NULL) {
        return ".";
    }
    beside = apr_pstrcat(pool, directory_of(info.dli_fname, pool), "/mod_cask", NULL);
    if (is_directory(beside)) {
        return beside;
    }
    real = real_path(info.dli_fname, pool); /* the folder of modules may hold a link to us */
    return directory_of(real != NULL ? real : info.dli_fname, pool);
}

/* The only (or, with several, the newest) engine in dir for a tag; tag NULL: for any. Returns its
 * path and fills the record, or NULL. */
static const char *
find_engine(const char *dir, const char *tag, struct record *ret_record, apr_pool_t *pool)
{
    DIR *listing = opendir(dir);
    const struct dirent *entry;
    const char *path = NULL;
    long best = 0;

    if (listing == NULL) {
        return NULL;
    }
    for (entry = readdir(listing); entry != NULL; entry = readdir(listing)) {
        const char *name = entry->d_name;
        size_t len = strlen(name);
        const char *found;
        long order;

        if (strncmp(name, ENGINE_PREFIX, sizeof(ENGINE_PREFIX) - 1) != 0 || len < 4 ||
            strcmp(name + len - 3, ".so") != 0) {
            continue;
        }
        found = name + sizeof(ENGINE_PREFIX) - 1;
        found = apr_pstrmemdup(pool, found, strcspn(found, "-."));
        order = strtol(found, NULL, 10);
        if (tag != NULL ? strcmp(found, tag) != 0 : order <= best) {
            continue;
        }
        best = order;
        path = apr_pstrcat(pool, dir, "/", name, NULL);
        ret_record->tag = found;
        ret_record->soabi = apr_pstrmemdup(pool, strchr(name, '.') + 1,
                                           len - 3 - (size_t)(strchr(name, '.') + 1 - name));
    }
    (void)closedir(listing);
    if (path != NULL) {
        const char *text = read_text(
            apr_pstrcat(pool, apr_pstrmemdup(pool, path, strlen(path) - 3), ".info", NULL), pool);

        ret_record->libdir = value_in(text, "libdir", pool);
        ret_record->instsoname = value_in(text, "instsoname", pool);
        ret_record->prefix = value_in(text, "prefix", pool);
        ret_record->base_prefix = value_in(text, "base_prefix", pool);
    }
    return path;
}

/* <home>/bin/python3 or bin/python; NULL when neither is there. */
static const char *
find_interpreter(const char *home, apr_pool_t *pool)
{
    const char *path = apr_pstrcat(pool, home, "/bin/python3", NULL);

    if (is_file(path)) {
        return path;
    }
    path = apr_pstrcat(pool, home, "/bin/python", NULL);
    return is_file(path) ? path : NULL;
}

/* The Python the package was installed with: the environment whose site-packages the package lies
 * in, else the one recorded beside the engine. NULL when neither can be found. */
static const char *
installed_home(const char *package_dir, apr_pool_t *pool)
{
    struct record record = {.tag = NULL};
    const char *packages = directory_of(package_dir, pool);
    const char *home = directory_of(directory_of(directory_of(packages, pool), pool), pool);

    if (strcmp(apr_filepath_name_get(packages), "site-packages") == 0 &&
        find_interpreter(home, pool) != NULL) {
        return home;
    }
    return find_engine(package_dir, NULL, &record, pool) != NULL ? record.prefix : NULL;
}

/* Version of the only lib/pythonX.Y of the home; NULL when there are none or several. */
static const char *
version_of_lib(const char *home, apr_pool_t *pool)
{
    DIR *listing = opendir(apr_pstrcat(pool, home, "/lib", NULL));
    const struct dirent *entry;
    const char *version = NULL;
    int count = 0;

    if (listing == NULL) {
        return NULL;
    }
    for (entry = readdir(listing); entry != NULL; entry = readdir(listing)) {
        const char *found =
            strncmp(entry->d_name, "python", 6) == 0 ? version_at(entry->d_name + 6, pool) : NULL;

        if (found != NULL) {
            version = found;
            count++;
        }
    }
    (void)closedir(listing);
    return count == 1 ? version : NULL;
}

static const char *
find_version(const struct cask_python *python, const char *venv, apr_pool_t *pool)
{
    const char *real = real_path(python->interpreter, pool);
    const char *name = real != NULL ? apr_filepath_name_get(real) : "";
    const char *version = strncmp(name, "python", 6) == 0 ? version_at(name + 6, pool) : NULL;
    const char *text;

    if (version == NULL) {
        text = value_in(venv, "version", pool);
        version = text != NULL ? version_at(text, pool) : NULL;
    }
    if (version == NULL) {
        text = value_in(venv, "version_info", pool);
        version = text != NULL ? version_at(text, pool) : NULL;
    }
    if (version == NULL) {
        version = version_of_lib(python->home, pool);
    }
    /* Builds without GIL call themselves python3.13 too, but not their library directory. */
    if (version != NULL && strchr(version, 't') == NULL) {
        const char *lib = apr_pstrcat(pool, python->base, "/lib/python", version, NULL);

        if (!is_directory(lib) && is_directory(apr_pstrcat(pool, lib, "t", NULL))) {
            version = apr_pstrcat(pool, version, "t", NULL);
        }
    }
    return version;
}

/* Looks for the engine beside the module, then in the home's own packages. Fills engine and
 * package_dir, or the fault. */
static void
look_for_engine(struct cask_python *python, struct record *record, apr_pool_t *pool)
{
    static const struct {
        const char *lib;
        const char *packages;
    } own[] = {
        {"/lib/python", "/site-packages"},
        {"/lib64/python", "/site-packages"},
        {"/local/lib/python", "/dist-packages"}, /* Debian, outside of environments */
    };
    const char *tag = tag_of(python->version, pool);

    python->package_dir = cask_pythons_package_dir(pool);
    python->engine = find_engine(python->package_dir, tag, record, pool);
    for (size_t i = 0; python->engine == NULL && i < sizeof(own) / sizeof(own[0]); i++) {
        const char *dir = apr_pstrcat(pool, python->home, own[i].lib, python->version,
                                      own[i].packages, "/mod_cask", NULL);

        python->engine = find_engine(dir, tag, record, pool);
        if (python->engine != NULL) {
            python->package_dir = dir;
        }
    }
    if (python->engine == NULL) {
        python->fault_number = 103;
        python->fault = apr_psprintf(
            pool,
            "no engine for Python %s of '%s' (neither in '%s' nor in its own site-packages); add "
            "it with: %s -m pip install mod-cask",
            python->version, python->home, python->package_dir, python->interpreter);
    }
}

static bool
same_directory(const char *a, const char *b)
{
    struct stat status_a;
    struct stat status_b;

    return a != NULL && b != NULL && stat(a, &status_a) == 0 && stat(b, &status_b) == 0 &&
           status_a.st_dev == status_b.st_dev && status_a.st_ino == status_b.st_ino;
}

static void
look_for_libpython(struct cask_python *python, const struct record *record, apr_pool_t *pool)
{
    bool same = same_directory(record->base_prefix, python->base);
    const char *name = apr_pstrcat(pool, "libpython", python->version, ".so.1.0", NULL);
    const char *multiarch = strchr(record->soabi, '-');
    const char *dirs[4];

    multiarch = multiarch != NULL ? strchr(multiarch + 1, '-') : NULL;
    dirs[0] = apr_pstrcat(pool, python->base, "/lib", NULL);
    dirs[1] = apr_pstrcat(pool, python->base, "/lib64", NULL);
    dirs[2] = apr_pstrcat(pool, dirs[0], "/", multiarch != NULL ? multiarch + 1 : ".", NULL);
    dirs[3] = same && record->libdir != NULL ? record->libdir : dirs[0];
    if (same && record->instsoname != NULL && strstr(record->instsoname, ".a") == NULL) {
        name = record->instsoname;
    }
    for (size_t i = 0; i < sizeof(dirs) / sizeof(dirs[0]); i++) {
        const char *path = apr_pstrcat(pool, dirs[i], "/", name, NULL);

        if (is_file(path)) {
            python->libpython = path;
            return;
        }
    }
    python->libpython_fault = apr_psprintf(
        pool,
        "Python %s of '%s' has no shared library %s (looked in '%s', '%s' and '%s'), so it cannot "
        "run inside httpd; on Debian and Ubuntu install the package libpython%s, else use a "
        "daemon group",
        python->version, python->home, name, dirs[0], dirs[1], dirs[2], python->version);
}

static void
fail(struct cask_python *python, unsigned number, const char *text)
{
    python->fault_number = number;
    python->fault = text;
}

/* Is the home a place with an interpreter? Fills interpreter, or the fault. */
static void
look_for_interpreter(struct cask_python *python, apr_pool_t *pool)
{
    const char *home = python->home;
    struct stat status;

    if (stat(home, &status) != 0) {
        fail(python, 102, apr_psprintf(pool, "python-home '%s': %s", home, strerror(errno)));
        return;
    }
    if (!S_ISDIR(status.st_mode)) {
        fail(python, 102,
             apr_psprintf(pool,
                          "python-home '%s' is not a directory; give the one that holds "
                          "bin/python3",
                          home));
        return;
    }
    python->interpreter = find_interpreter(home, pool);
    if (python->interpreter == NULL) {
        const char *path = apr_pstrcat(pool, home, "/bin/python3", NULL);

        if (lstat(path, &status) == 0) {
            fail(python, 102,
                 apr_psprintf(pool,
                              "python-home '%s': bin/python3 leads nowhere, the Python it was made "
                              "from is gone; create the environment again",
                              home));
        } else {
            fail(python, 102, apr_psprintf(pool, "python-home '%s' holds no bin/python3", home));
        }
    }
}

/* The prefix below a virtual environment (or the home itself). */
static const char *
find_base(const char *home, const char *venv, apr_pool_t *pool)
{
    const char *bin = value_in(venv, "home", pool);

    return bin != NULL && bin[0] == '/' ? directory_of(bin, pool) : home;
}

static void
look(struct cask_python *python, apr_pool_t *pool)
{
    struct record record = {.tag = NULL};
    const char *venv;
    const char *minor;

    look_for_interpreter(python, pool);
    if (python->fault != NULL) {
        return;
    }
    venv = read_text(apr_pstrcat(pool, python->home, "/pyvenv.cfg", NULL), pool);
    python->base = find_base(python->home, venv, pool);
    python->version = find_version(python, venv, pool);
    if (python->version == NULL) {
        fail(python, 104,
             apr_psprintf(pool, "python-home '%s': cannot tell which version its Python is",
                          python->home));
        return;
    }
    minor = strchr(python->version, '.') + 1;
    if (python->version[0] != '3' || strtol(minor, NULL, 10) < OLDEST_MINOR) {
        fail(python, 103,
             apr_psprintf(pool, "python-home '%s' is Python %s; 3.%d or newer is needed",
                          python->home, python->version, OLDEST_MINOR));
        return;
    }
    look_for_engine(python, &record, pool);
    if (python->fault == NULL) {
        look_for_libpython(python, &record, pool);
    }
}

const struct cask_python *
cask_pythons_find(const char *home, apr_pool_t *pool)
{
    struct cask_python *python = apr_pcalloc(pool, sizeof(*python));

    python->home = home;
    if (home == NULL || *home == '\0') {
        const char *dir = cask_pythons_package_dir(pool);

        python->home = installed_home(dir, pool);
        if (python->home == NULL) {
            python->home = "";
            fail(python, 102,
                 apr_psprintf(pool,
                              "no Python is recorded in '%s' beside the module; set WSGIPythonHome "
                              "or python-home",
                              dir));
            return python;
        }
    }
    look(python, pool);
    if (python->fault != NULL) {
        python->interpreter = NULL;
    }
    return python;
}
