/* SPDX-License-Identifier: Apache-2.0 */
/* gateway/script_call.c - functions of a script that are asked about a request.
 *
 * The script is loaded, and loaded again when it has changed, as applications are. Its functions
 * get the environ an application would get, without what only serving has: wsgi.input and
 * wsgi.file_wrapper. One dict serves all functions of a call; what they change in it is lost.
 *
 * Owns:    nothing; answers are heap memory of their questions.
 * Touches: request/, gateway/apps.
 * Threads: any with the GIL.
 */
#include "interp/gil.h"

#include "gateway/script_call.h"

#include "gateway/apps.h"
#include "gateway/pymodule.h"
#include "gateway/wsgi_environ.h"
#include "interp/compat.h"
#include "interp/interp.h"
#include "interp/pyerr.h"
#include "platform/problem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What the functions are called with. New reference, or NULL with an exception. */
CASK_GIL_HELD static PyObject *
make_environ(struct cask_gate *gate, const struct cask_request *request)
{
    static const enum cask_name serving[] = {
        CASK_NAME_WSGI_INPUT,
        CASK_NAME_WSGI_INPUT_TERMINATED,
        CASK_NAME_WSGI_FILE_WRAPPER,
        CASK_NAME_WSGI_EARLY_HINTS,
    };
    PyObject *dict = cask_wsgi_environ_new(gate, request, Py_None, Py_None);
    size_t i;

    for (i = 0; dict != NULL && i < sizeof(serving) / sizeof(serving[0]); i++) {
        if (PyDict_DelItem(dict, gate->names.name[serving[i]]) != 0) {
            Py_CLEAR(dict);
        }
    }
    return dict;
}

/* Calls the function with the environ and the arguments. New reference, or NULL. */
CASK_GIL_HELD static PyObject *
call_function(PyObject *function, PyObject *dict, const struct cask_question *question)
{
    PyObject *arguments[1 + CASK_QUESTION_ARGUMENTS] = {dict};
    PyObject *result = NULL;
    size_t n = 0;

    while (n < question->n_arguments && n < CASK_QUESTION_ARGUMENTS) {
        const struct cask_str *text = &question->arguments[n];

        n += 1;
        arguments[n] = PyUnicode_DecodeLatin1(text->data, (Py_ssize_t)text->len, NULL);
        if (arguments[n] == NULL) {
            goto done;
        }
    }
    result = PyObject_Vectorcall(function, arguments, n + 1, NULL);

done:
    for (; n > 0; n--) {
        Py_XDECREF(arguments[n]);
    }
    return result;
}

/* A str or bytes as bytes without NUL. New reference, or NULL with an exception. */
CASK_GIL_HELD static PyObject *
bytes_of(PyObject *value)
{
    PyObject *bytes = value;

    if (PyUnicode_Check(value)) {
        bytes = PyUnicode_AsEncodedString(value, "utf-8", "surrogateescape");
        if (bytes == NULL) {
            return NULL;
        }
    } else if (PyBytes_Check(value)) {
        Py_INCREF(bytes);
    } else {
        PyErr_Format(PyExc_TypeError, "str or bytes expected, not %s", Py_TYPE(value)->tp_name);
        return NULL;
    }
    if (memchr(PyBytes_AS_STRING(bytes), '\0', (size_t)PyBytes_GET_SIZE(bytes)) != NULL) {
        Py_DECREF(bytes);
        PyErr_SetString(PyExc_ValueError, "a text with a NUL character in it");
        return NULL;
    }
    return bytes;
}

/* Copies a list of bytes objects into the answer. 0, or -1 with an exception. */
CASK_GIL_HELD static int
copy_texts(PyObject *list, struct cask_answer *answer)
{
    size_t n = (size_t)PyList_GET_SIZE(list);
    struct cask_str *texts;
    size_t size = 0;
    char *place;
    size_t i;

    for (i = 0; i < n; i++) {
        size += (size_t)PyBytes_GET_SIZE(PyList_GET_ITEM(list, (Py_ssize_t)i)) + 1;
    }
    if (size > CASK_QUESTION_BYTES_LIMIT) {
        PyErr_Format(PyExc_ValueError, "more than %u bytes of text", CASK_QUESTION_BYTES_LIMIT);
        return -1;
    }
    texts = malloc(n * sizeof(*texts) + size + 1);
    if (texts == NULL) {
        (void)PyErr_NoMemory();
        return -1;
    }
    place = (char *)(texts + n);
    for (i = 0; i < n; i++) {
        PyObject *bytes = PyList_GET_ITEM(list, (Py_ssize_t)i);

        texts[i] = (struct cask_str){place, (uint32_t)PyBytes_GET_SIZE(bytes)};
        memcpy(place, PyBytes_AS_STRING(bytes), (size_t)PyBytes_GET_SIZE(bytes) + 1);
        place += texts[i].len + 1;
    }
    answer->texts = texts;
    answer->n_texts = n;
    return 0;
}

/* The items of an iterable, or the value alone, into the answer. 0, or -1 with an exception. */
CASK_GIL_HELD static int
take_texts(PyObject *value, struct cask_answer *answer)
{
    PyObject *list = PyList_New(0);
    PyObject *iterator = NULL;
    PyObject *item = NULL;
    int status = -1;

    if (list == NULL) {
        return -1;
    }
    if (answer->kind == CASK_ANSWER_LIST) {
        iterator = PyObject_GetIter(value);
        item = iterator != NULL ? PyIter_Next(iterator) : NULL;
    } else {
        item = value;
        Py_INCREF(item);
    }
    while (item != NULL) {
        PyObject *bytes = bytes_of(item);
        bool added = bytes != NULL && PyList_Append(list, bytes) == 0;

        Py_XDECREF(bytes);
        Py_DECREF(item);
        item = NULL;
        if (!added) {
            break;
        }
        if (PyList_GET_SIZE(list) > (Py_ssize_t)CASK_QUESTION_TEXTS_LIMIT) {
            PyErr_Format(PyExc_ValueError, "more than %u texts", CASK_QUESTION_TEXTS_LIMIT);
        } else if (iterator != NULL) {
            item = PyIter_Next(iterator);
        }
    }
    if (PyErr_Occurred() == NULL) {
        status = copy_texts(list, answer);
    }
    Py_XDECREF(iterator);
    Py_DECREF(list);
    return status;
}

static enum cask_answer_kind
kind_of(PyObject *value)
{
    if (value == Py_None) {
        return CASK_ANSWER_NONE;
    }
    if (PyBool_Check(value)) {
        return CASK_ANSWER_BOOL;
    }
    if (PyUnicode_Check(value)) {
        return CASK_ANSWER_TEXT;
    }
    if (PyBytes_Check(value)) {
        return CASK_ANSWER_BYTES;
    }
    return CASK_ANSWER_LIST;
}

/* "None, str" : what a function may return. */
static const char *
name_accepted(uint32_t accepts, char *out, size_t size)
{
    static const char *const words[] = {
        [CASK_ANSWER_NONE] = "None",
        [CASK_ANSWER_BOOL] = "bool",
        [CASK_ANSWER_TEXT] = "str",
        [CASK_ANSWER_BYTES] = "bytes",
        [CASK_ANSWER_LIST] = "an iterable of str",
    };
    size_t used = 0;
    size_t kind;

    out[0] = '\0';
    for (kind = CASK_ANSWER_NONE; kind <= CASK_ANSWER_LIST; kind++) {
        if ((accepts & (1u << kind)) != 0 && used < size) {
            used += (size_t)snprintf(out + used, size - used, "%s%s", used > 0 ? ", " : "",
                                     words[kind]);
        }
    }
    return out;
}

/* What the function returned becomes the answer; false with a problem. */
CASK_GIL_HELD static bool
take_answer(const struct cask_gate *gate, const char *script, PyObject *value,
            struct cask_question *question, struct cask_problem *reterr_problem)
{
    struct cask_answer *answer = &question->answer;
    char accepted[64];

    answer->kind = kind_of(value);
    if ((question->accepts & (1u << answer->kind)) == 0) {
        (void)cask_problem_set(reterr_problem, 0, 515,
                               "script '%s': %s() returned a value of type %s; allowed are %s",
                               script, question->function, Py_TYPE(value)->tp_name,
                               name_accepted(question->accepts, accepted, sizeof(accepted)));
        return false;
    }
    answer->truth = value == Py_True;
    if (answer->kind >= CASK_ANSWER_TEXT && take_texts(value, answer) != 0) {
        cask_pyerr_fill(gate->interp, reterr_problem, 515,
                        "script '%s': what %s() returned cannot be used: ", script,
                        question->function);
        return false;
    }
    return true;
}

/* One question; false with a problem. */
CASK_GIL_HELD static bool
ask(const struct cask_gate *gate, struct cask_apps_entry *entry, PyObject *dict,
    struct cask_question *question, struct cask_problem *reterr_problem)
{
    const char *script = cask_apps_path(entry);
    PyObject *name = PyUnicode_InternFromString(question->function);
    PyObject *function = NULL;
    PyObject *value = NULL;
    bool answered = false;
    int found = -1;

    if (name != NULL) { /* not as an attribute: for one that is not there an exception is made */
        found = cask_compat_dict_get(PyModule_GetDict(cask_apps_module(entry)), name, &function);
    }

    if (found == 0) {
        answered = (question->accepts & CASK_QUESTION_ACCEPTS(ABSENT)) != 0;
        if (!answered) {
            (void)cask_problem_set(reterr_problem, 0, 516, "script '%s' has no function %s()",
                                   script, question->function);
        }
        goto done;
    }
    value = found > 0 ? call_function(function, dict, question) : NULL;
    if (value == NULL) {
        cask_pyerr_fill(gate->interp, reterr_problem, 514, "script '%s': %s() raised ", script,
                        question->function);
        goto done;
    }
    answered = take_answer(gate, script, value, question, reterr_problem);

done:
    Py_XDECREF(value);
    Py_XDECREF(function);
    Py_XDECREF(name);
    return answered;
}

enum cask_outcome
cask_script_call(struct cask_gate *gate, const struct cask_request *request,
                 struct cask_question *questions, size_t n_questions,
                 struct cask_problem *reterr_problem)
{
    struct cask_apps_entry *entry = NULL;
    PyObject *dict = NULL;
    PyObject *capsule = NULL;
    enum cask_outcome outcome =
        cask_apps_open(gate, &request->app, request, &entry, reterr_problem);
    size_t i;

    if (outcome != CASK_OUTCOME_DONE) {
        return outcome;
    }
    dict = make_environ(gate, request);
    if (dict == NULL || cask_wsgi_environ_add_httpd(gate, request, dict, &capsule) != 0) {
        cask_pyerr_fill(gate->interp, reterr_problem, 514, "script '%s': ", cask_apps_path(entry));
        Py_XDECREF(dict);
        return CASK_OUTCOME_FAILED;
    }
    for (i = 0; i < n_questions && outcome == CASK_OUTCOME_DONE; i++) {
        if (!ask(gate, entry, dict, &questions[i], reterr_problem)) {
            outcome = CASK_OUTCOME_FAILED;
        }
    }
    cask_wsgi_environ_end_httpd(capsule);
    Py_DECREF(dict);
    return outcome;
}
