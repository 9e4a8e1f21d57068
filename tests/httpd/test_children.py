# SPDX-License-Identifier: Apache-2.0
"""Applications that fork, run programs and leave threads behind."""

import pytest

# What the application answers, and what is in the log.
CHILDREN = {
    "leaves": ("7", []),
    "exits": ("7", ["^the child says so$"]),
    "exits_with_words": ("1", ["^the child gives up$"]),
    "returns": ("1", ["CASK0513"]),
    "raises": ("1", ["^ValueError: in the child$"]),
    "writes": ("1", ["^RuntimeError: the request belongs to the process"]),
    "runs": ("42", []),
    "multiprocesses": ("14", []),
    "executes": ("14", []),
}


@pytest.mark.only("main", reason="Python forks in its main interpreter only")
@pytest.mark.parametrize("how", CHILDREN)
def test_a_forked_child_never_answers(site, how):
    """It ends with its own status; the request stays with the process that serves."""
    text, lines = CHILDREN[how]
    site.logs.allow("^Traceback|^  ")  # of the child's exception
    site.serve("children.py")
    for _ in range(3):
        if lines:
            with site.expects_log(*lines):
                assert site.get(f"/{how}").text == text
        else:
            assert site.get(f"/{how}").text == text


def test_the_body_belongs_to_the_process_that_serves(site):
    site.logs.allow("^Traceback|^  ")
    site.serve("children.py")
    with site.expects_log("^RuntimeError: the request belongs to the process"):
        reply = site.session.post(f"{site.url}/reads", data="body", timeout=10)
    assert reply.text == "1body"


@pytest.mark.only("daemon", reason="about the connection to httpd")
def test_a_forked_child_leaves_the_connection_alone(site):
    """Its lines do not go where frames of the process that serves may be under way."""
    site.serve("children.py")
    with site.expects_log("^by the child$"):
        assert site.get("/logs").text == "7"


def test_a_thread_that_outlives_its_request(site):
    site.serve("children.py")
    site.stage.close_gate()
    assert site.get("/threads").text == "started"
    site.stage.wait_reached()
    with site.expects_log("^late print$", "^late line$"), site.expects_log("^late use: ", count=2):
        site.stage.open_gate()
        site.stage.wait_notes("done", ["/threads"])
    assert site.get("/leaves").text == "7"


@pytest.mark.only("main", reason="Python forks in its main interpreter only")
def test_a_child_is_not_deaf(site):
    site.serve("children.py")
    assert site.get("/is_terminated").text == "-15"


@pytest.mark.only("daemon", reason="embedded, it is a child of httpd that ends")
def test_a_process_that_is_ended_by_its_application(site):
    site.serve("children.py")
    site.logs.allow("CASK0421")  # the supervisor's line comes when it has looked
    with site.expects_log("CASK0705"):
        site.get("/ends", 502)
    assert site.get("/leaves").text == "7"


@pytest.mark.parametrize("how", ["leaves", "multiprocesses", "executes"])
def test_forking_beside_another_interpreter(site, how):
    """CPython up to 3.11 waits for ever in the child when there is a sub-interpreter."""
    path = site.install("children.py")
    site.add_app(path, at="/sub", application_group="sub")
    site.serve(path, application_group="%{GLOBAL}")
    assert site.get("/sub/runs").text == CHILDREN["runs"][0]
    assert site.get(f"/{how}", timeout=10).text == CHILDREN[how][0]
