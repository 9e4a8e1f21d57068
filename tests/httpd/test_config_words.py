# SPDX-License-Identifier: Apache-2.0
"""Words of the configuration: a wrong one stops httpd and is answered with what is allowed and what
was probably meant; one that has lost its meaning is accepted with a line."""

from __future__ import annotations

import pwd

import pytest

from harness.site import Site

pytestmark = pytest.mark.only("embedded", reason="no application runs")

SECTION = "<WSGIInterpreterOptions {}>\n{}\n</WSGIInterpreterOptions>"

ERRORS = {
    "unknown user": (
        "WSGIDaemonProcess a user=deamon",
        "user=deamon is refused: allowed is a user of this machine",
        "did you mean 'daemon'?",
    ),
    "unknown group": ("WSGIDaemonProcess a group=deamon", "did you mean 'daemon'?"),
    "unknown group by number": ("WSGIDaemonProcess a group=#", "group=# is refused"),
    "mutex": (
        "WSGIAcceptMutex sysvsm",
        "WSGIAcceptMutex: 'sysvsm' is refused: allowed is default, flock, fcntl, sysvsem, posixsem "
        "or pthread; did you mean 'sysvsem'?",
    ),
    "line": ("<Location />\nWSGIErrorOverride 1\n</Location>", "'1' is refused", "line +2"),
    "two mutexes": ("WSGIAcceptMutex flock fcntl", "'flock fcntl' is refused", "one word"),
    "no mutex": ("WSGIAcceptMutex", "is refused: allowed is default | flock"),
    "service": ("WSGITelemetryService tcp:1.2.3.4", "allowed is unix: and the absolute path"),
    "service path": ("WSGITelemetryService unix:x", "allowed is unix: and the absolute path"),
    "service option": ("WSGITelemetryService unix:/x every=1", "then perhaps interval=seconds"),
    "service interval": (
        "WSGITelemetryService unix:/x interval=0.1",
        "allowed is a number of seconds",
        "from 500ms",
    ),
    "service, more words": ("WSGITelemetryService unix:/x interval=1 y", "is refused"),
    "telemetry word": (
        "WSGITelemetryOptions +CaptureUserAgents",
        "allowed is CaptureUserAgent; did you mean 'CaptureUserAgent'?",
    ),
    "telemetry sign": ("WSGITelemetryOptions +All", "allowed is CaptureUserAgent"),
    "telemetry bare sign": ("WSGITelemetryOptions +", "allowed is CaptureUserAgent"),
    "telemetry mixed": ("WSGITelemetryOptions +CaptureUserAgent All", "with + or - before each"),
    "metrics": ("WSGIServerMetrics yes", "'yes' is refused: allowed is On or Off"),
    "metrics of a group": (
        "WSGIDaemonProcess a server-metrics=yes",
        "WSGIDaemonProcess: server-metrics=yes is refused: allowed is On or Off",
    ),
    "removed flag": ("WSGILazyInitialization maybe", "'maybe' is refused: allowed is On or Off"),
    "head": (
        "WSGIMapHEADToGET atuo",
        "'atuo' is refused: allowed is Off, On or Auto; did you mean 'Auto'?",
    ),
    "seed": ("WSGIPythonHashSeed 4294967296", "random, or a whole number from 0 to 4294967295"),
    "optimize": ("WSGIPythonOptimize abc", "'abc' is refused: allowed is a whole number"),
    "switch interval": ("WSGISwitchInterval 0", "'0' is refused: allowed is a number of seconds"),
    "slow requests": ("WSGISlowRequests -1", "'-1' is refused: allowed is a number of seconds"),
    "no headers": ("WSGITrustedProxyHeaders", "WSGITrustedProxyHeaders: needs header [header ...]"),
    "proxy": ("WSGITrustedProxies 1.2.3.4/33", "WSGITrustedProxies: '1.2.3.4/33' is refused"),
    "handler without script": ("WSGIHandlerScript x", "needs the path of a script"),
    "handler without anything": ("WSGIHandlerScript", "needs two arguments"),
    "handler option": (
        "WSGIHandlerScript x /y callable-object=z",
        "unknown option 'callable-object'",
        "options are: process-group, application-group, pass-authorization",
    ),
    "import without groups": ("WSGIImportScript /x process-group=a", "needs process-group= and"),
    "import option": (
        "WSGIImportScript /x process-grup=a application-group=b",
        "did you mean 'process-group'?",
    ),
    "dispatch option": (
        "WSGIDispatchScript /x process-group=a",
        "WSGIDispatchScript: unknown option 'process-group'",
    ),
    "access script": (
        "<Location />\nWSGIAccessScript\n</Location>",
        "WSGIAccessScript: needs the path of a script",
    ),
    "section without end": (
        "<WSGIInterpreterOptions application-group=x\nWSGIRestrictStdin On\n"
        "</WSGIInterpreterOptions>",
        "<WSGIInterpreterOptions: a '>' is missing",
    ),
    "section, stray word": (SECTION.format("x", ""), "'x' is not of the form name=value"),
    "section, unknown key": (
        SECTION.format("application-grp=x", ""),
        "unknown option 'application-grp', did you mean 'application-group'?",
    ),
    "section, key twice": (
        SECTION.format("process-group=a Process-Group=b", ""),
        "Process-Group= is given twice",
    ),
    "section, stranger": (
        SECTION.format("application-group=x", "WSGIRestrictStdin On\nKeepAlive Off"),
        "'KeepAlive' cannot be set for single interpreters, move it out of the section",
        "allowed in it are: WSGI",
        "line +3",
    ),
    "section, one of ours": (
        SECTION.format("", "WSGIPythonHome /usr"),
        "'WSGIPythonHome' cannot be set for single interpreters",
    ),
    "section, a section": (
        SECTION.format("", "<Directory />\n</Directory>"),
        "'<Directory' cannot be set for single interpreters",
    ),
    "section, bad value": (
        SECTION.format("", "WSGIRestrictStdin maybe"),
        "WSGIRestrictStdin: 'maybe' is refused",
        "line +2",
    ),
}


@pytest.mark.parametrize("name", ERRORS)
def test_wrong_words_stop(site: Site, name: str) -> None:
    text, *messages = ERRORS[name]
    before = site.config.text().count("\n")
    site.config.add(text)
    result = site.check()
    assert result.returncode == 1
    for message in messages:
        line, _, offset = message.partition(" +")
        if line == "line":
            assert f"on line {before + int(offset)} of {site.conf_file}" in result.stderr
        else:
            assert message in result.stderr


NAMES = {
    "WSGIApplicationGroup %{GLOBALL}": "CASK0112: WSGIApplicationGroup at {}: '%{GLOBALL}' is no "
    "expansion we know, it is taken as a name; did you mean '%{GLOBAL}'?",
    "WSGIProcessGroup %{NOTHING-LIKE-IT}": "'%{NOTHING-LIKE-IT}' is no expansion we know",
    "WSGICallableObject %{ENV:}": "CASK0112: WSGICallableObject at {}: '%{ENV:}' is no",
    "WSGIScriptAlias / / application-group=%{server}": "did you mean '%{SERVER}'?",
    "WSGIScriptAlias / / callable-object=%{ENV}": "'%{ENV}' is no expansion",
    "WSGIImportScript / process-group=%{GLOBAL} application-group=%{SERVER}": "CASK0112: "
    "WSGIImportScript at {}: '%{SERVER}' is not expanded here, it is taken as a name",
    "WSGIDispatchScript / application-group=%{HOSTS}": "did you mean '%{HOST}'?",
    "<WSGIInterpreterOptions application-group=%{RESOURCE}>\n</WSGIInterpreterOptions>": "CASK0112"
    ": <WSGIInterpreterOptions at {}: '%{RESOURCE}' is not expanded here",
}


@pytest.mark.parametrize("text", NAMES)
def test_names_that_are_not_expanded_are_told(site: Site, text: str) -> None:
    line = site.config.text().count("\n") + 1
    site.config.add(text)
    result = site.check()
    assert result.returncode == 0, result.stderr
    told = [entry for entry in result.stderr.splitlines() if "CASK0112" in entry]
    assert len(told) == 1
    assert NAMES[text].replace("{}", f"{site.conf_file}:{line}") in told[0]


def test_names_that_are_expanded_are_not_told(site: Site) -> None:
    for name in ("%{GLOBAL}", "%{SERVER}", "%{HOST}", "%{RESOURCE}", "%{ENV:X}", "x", "a-%{X}"):
        site.config.add(f"WSGIApplicationGroup {name}", f"WSGIProcessGroup {name}")
    result = site.check()
    assert result.returncode == 0, result.stderr
    assert "CASK0112" not in result.stderr


VAIN = {
    ("application-group=x", "WSGIFreeThreading Off"): "WSGIFreeThreading has no effect",
    ("process-group=a application-group=x", "WSGIFreeThreading On"): "for whole processes",
    ("application-group=%{GLOBAL}", "WSGIPerInterpreterGIL On"): "no effect on the main",
    ("process-group=%{GLOBAL}", "WSGIFreeThreading Off"): "",
    ("application-group=%{GLOBAL}", "WSGIPerInterpreterGIL Off"): "",
    ("", "WSGIPerInterpreterGIL On"): "",
}


@pytest.mark.parametrize("words", VAIN)
def test_values_that_no_interpreter_can_have_are_told(site: Site, words: tuple[str, str]) -> None:
    line = site.config.text().count("\n") + 1
    site.config.add(SECTION.format(*words))
    result = site.check()
    assert result.returncode == 0, result.stderr
    told = [entry for entry in result.stderr.splitlines() if "CASK0138" in entry]
    assert len(told) == (1 if VAIN[words] else 0)
    for entry in told:
        assert f"<WSGIInterpreterOptions at {site.conf_file}:{line}: " in entry
        assert VAIN[words] in entry


def test_the_user_that_is_suggested_exists() -> None:
    assert pwd.getpwnam("daemon")


IDLE = {
    "CASK0128": {
        "WSGISocketRotation On": "a daemon group keeps its socket over restarts",
        "WSGIAcceptMutex SysVSem": "httpd chooses the process",
        "WSGIVerboseDebugging On": "use LogLevel wsgi:debug",
        "<Location />\nWSGIGroupAuthoritative Off\n</Location>": "RequireAny",
    },
    "CASK0129": {
        "WSGIServerMetrics On": "metrics are not there yet",
        "WSGITelemetryService unix:/x interval=0.5": "metrics are not there yet",
        "WSGITelemetryOptions None": "metrics are not there yet",
        "WSGIDaemonProcess a server-metrics=On": "metrics are not there yet",
    },
    "CASK0130": {
        "WSGILazyInitialization Off": "when something needs it",
        "WSGIPy3kWarningFlag On": "Python 2",
        "<Location />\nWSGIUserAuthoritative Off\n</Location>": "AuthBasicProvider",
        "WSGINewRelicConfigFile /x": "start the agent in the script",
        "WSGINewRelicEnvironment x": "start the agent in the script",
        "WSGIDaemonProcess b newrelic-config-file=/x": "start the agent in the script",
        "WSGIDaemonProcess c newrelic-environment=x": "start the agent in the script",
    },
}


def test_words_without_effect_are_told_once(site: Site) -> None:
    for texts in IDLE.values():
        for text in texts:
            again = text.replace("Process ", "Process more-")
            site.config.add(text, again)
    result = site.httpd("-t", "-e", "info")
    assert result.returncode == 0, result.stderr
    told = [line for line in result.stderr.splitlines() if "has no effect" in line]
    for number, texts in IDLE.items():
        for text, why in texts.items():
            words = text.removeprefix("<Location />\n").split()
            subject = words[-1].partition("=")[0] + "= " if words[0].endswith("Process") else ""
            found = [
                line
                for line in told
                if line.startswith(f"{number}: {words[0]} at ") and f": {subject}has no" in line
            ]
            assert len(found) == 1, (text, told)
            assert why in found[0]
    assert len(told) == sum(map(len, IDLE.values()))


def test_a_start_tells_them_in_the_log(site: Site) -> None:
    site.config.add("WSGISocketRotation Off", "WSGIServerMetrics On")
    site.logs.allow("CASK0129: WSGIServerMetrics")
    site.start()
    assert [entry.level for entry in site.logs.find("CASK0128: WSGISocketRotation at ")] == ["info"]
    entries = site.logs.find("CASK0129: WSGIServerMetrics at ", "error")
    assert [entry.level for entry in entries] == ["warn"]
