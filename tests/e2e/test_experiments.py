"""A/B experiments, feedback and what is made of it, over HTTP and with the openai package."""
import json
import subprocess
import time
import urllib.request

import pytest

from e2e.service import CLIENTS, HONE, MODEL, Service

pytestmark = pytest.mark.skipif(not CLIENTS.exists(), reason="build/python-clients is not there: tools/setup.sh oracles")

TWO = [{"name": "control", "model": MODEL, "weight": 0.5}, {"name": "treatment", "model": "other-name", "weight": 0.5}]
OTHER_NAME = ("--served-model-name", "other-name")


@pytest.fixture(scope="module")
def service(model, tmp_path_factory):
    """One for the tests that do not mind each other's experiments."""
    service = Service(model, tmp_path_factory.mktemp("shared") / "data", *OTHER_NAME).start()
    yield service
    service.stop()


@pytest.fixture
def start(start):
    return lambda *options, **arguments: start(*OTHER_NAME, *options, **arguments)


def create(service, name, **settings):
    status, experiment = service.call("POST", "/v1/experiments", {"name": name, "variants": TWO, **settings})
    assert status == 200, experiment
    return experiment


def act(service, name, action, body=None):
    status, experiment = service.call("POST", f"/v1/experiments/{name}/{action}", body)
    assert status == 200, experiment
    return experiment


def thumb(service, experiment, user, up):
    status, feedback = service.call("POST", "/v1/feedback", {"experiment": experiment, "user": user, "thumb": "up" if up else "down"})
    assert status == 200, feedback
    return feedback


def ask(service, name, user=None, **settings):
    """(answer, variant)"""
    body = {"model": name, "messages": [{"role": "user", "content": "안녕"}], "max_tokens": 2, **({"user": user} if user else {}), **settings}
    request = urllib.request.Request(service.address + "/v1/chat/completions", data=json.dumps(body).encode(), headers={
        "authorization": f"Bearer {service.key}", "content-type": "application/json"})
    with urllib.request.urlopen(request, timeout=60) as answer:
        assert answer.headers["x-hone-experiment"] == name
        return json.loads(answer.read()), answer.headers["x-hone-variant"]


def assigned(service, name, user):
    return service.get(f"/v1/experiments/{name}/assignment?user={user}")["variant"]


def by_rule(experiment, split, users):
    """What `hone ab assign` says: user → variant."""
    options = [word for name, share in split.items() for word in ("--split", f"{name}={share}")]
    lines = subprocess.run([HONE, "ab", "assign", "--experiment", experiment, *options], input="\n".join(users), capture_output=True,
                           text=True, check=True).stdout.splitlines()
    return dict(line.split("\t") for line in lines)


def statistics(service, name, language="en"):
    return service.get(f"/v1/experiments/{name}/statistics?language={language}")


def close(a, b):
    """The same documents, numbers but for the last digits."""
    if isinstance(a, dict):
        return set(a) == set(b) and all(close(a[key], b[key]) for key in a)
    if isinstance(a, list):
        return len(a) == len(b) and all(map(close, a, b))
    if isinstance(a, float) or isinstance(b, float):
        return a == pytest.approx(b, rel=1e-9, abs=1e-12)
    return a == b


def test_users_are_divided_by_the_documented_rule_and_few_move(service):
    create(service, "tone")
    users = [f"user_{i}" for i in range(60)]
    expected = by_rule("tone", {"control": 0.5, "treatment": 0.5}, users)
    assert {user: assigned(service, "tone", user) for user in users} == expected
    for user in users[:4]:
        for _ in range(2):
            answer, variant = ask(service, "tone", user)
            assert variant == expected[user] and answer["model"] == MODEL
    status, changed = service.call("POST", "/v1/experiments/tone", {"weights": {"control": 0.3, "treatment": 0.7}})
    assert status == 200 and [one["weight"] for one in changed["variants"]] == [0.3, 0.7]
    after = {user: assigned(service, "tone", user) for user in users}
    moved = {user for user in users if after[user] != expected[user]}
    assert moved and all(expected[user] == "control" for user in moved) and len(moved) < len(users) / 2
    assert changed["history"][-1]["what"] == "reweighted"


def test_figures_are_those_of_the_library(service, tmp_path):
    create(service, "figures", minimum_per_variant=5,
           metrics=[{"name": "positive", "kind": "binary"}, {"name": "stars", "kind": "mean", "max_worsening": 0.2}])
    rows = []
    for i in range(40):
        user = f"u{i}"
        variant = assigned(service, "figures", user)
        up = (i % 3 == 0) if variant == "control" else (i % 4 != 0)
        stars = 1 + (i * 7 % 5) + 0.25 * (i % 2)
        status, feedback = service.call("POST", "/v1/feedback", {"experiment": "figures", "user": user, "thumb": "up" if up else "down",
                                                                 "metrics": {"stars": stars}})
        assert status == 200 and feedback["variant"] == variant and feedback["counted"], feedback
        rows.append({"variant": variant, "user": user, "positive": up, "stars": stars})
    path = tmp_path / "rows.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    for language in ("en", "ko"):
        found = statistics(service, "figures", language)
        known = json.loads(subprocess.run(
            [HONE, "ab", "result", path, "--split", "control=0.5", "--split", "treatment=0.5", "--metric", "positive", "--metric", "stars",
             "--guard", "stars=0.2", "--minimum", "5", "--lang", language, "--json"], capture_output=True, text=True, check=True).stdout)
        assert found["object"] == "experiment.statistics"
        for key in ("verdict", "winner", "reason", "split"):
            assert close(found[key], known[key]), key
        for name in ("control", "treatment"):
            assert found["variants"][name]["users"] == known["variants"][name]["users"]
            for metric in ("positive", "stars"):
                assert close(found["variants"][name]["metrics"][metric], known["variants"][name]["metrics"][metric])
        for metric in ("positive", "stars"):
            assert close(found["treatments"]["treatment"]["effects"][metric], known["treatments"]["treatment"]["effects"][metric])
        assert found["treatments"]["treatment"]["guard_rails"] == known["treatments"]["treatment"]["guard_rails"]


def test_one_loud_user_is_one_user(service):
    create(service, "loud")
    for i in range(20):
        thumb(service, "loud", "shouter", i % 4 == 0)
    variant = assigned(service, "loud", "shouter")
    found = statistics(service, "loud")
    assert found["variants"][variant]["metrics"]["positive"]["count"] == 1
    assert found["variants"][variant]["metrics"]["positive"]["mean"] == 0.25
    assert found["groups"][variant]["total_requests"] == 20 and found["groups"][variant]["positive_rate"] == 0.25


def test_the_manager_of_the_lecture_over_http(service):
    """assign_group, get_model_for_user, record_feedback, get_statistics: the same calls, the same shape."""
    create(service, "lecture")
    split = by_rule("lecture", {"control": 0.5, "treatment": 0.5}, [f"user_{i}" for i in range(30)])
    said = {}
    for i, (user, group) in enumerate(split.items()):
        assignment = service.get(f"/v1/experiments/lecture/assignment?user={user}")
        assert (assignment["variant"], assignment["model"]) == (group, {"control": MODEL, "treatment": "other-name"}[group])
        positive = i % 3 != 0
        thumb(service, "lecture", user, positive)
        said.setdefault(group, []).append(positive)
    groups = statistics(service, "lecture")["groups"]
    assert set(groups) == set(said)
    for group, thumbs in said.items():
        assert groups[group]["total_requests"] == len(thumbs)
        assert groups[group]["positive_rate"] == pytest.approx(sum(thumbs) / len(thumbs))
        assert set(groups[group]) == {"total_requests", "positive_rate", "model", "interval", "interval_anytime"}


def test_promote_roll_back_resume_and_a_killed_server(start):
    service = start()
    create(service, "way")
    users = [f"user_{i}" for i in range(8)]
    own = {user: assigned(service, "way", user) for user in users}
    assert set(own.values()) == {"control", "treatment"}
    first, _ = ask(service, "way", users[0])
    given = service.call("POST", "/v1/feedback", {"completion_id": first["id"], "thumb": "up"})
    assert given[0] == 200 and given[1]["variant"] == own[users[0]]
    service.kill()
    service.start()
    assert [one["id"] for one in service.get("/v1/feedback?experiment=way")["data"]] == [given[1]["id"]]
    assert act(service, "way", "promote", {"variant": "treatment"})["promoted"] == "treatment"
    service.kill()
    service.start()
    assert [ask(service, "way", user)[1] for user in users[:3]] == ["treatment"] * 3
    assert {assigned(service, "way", user) for user in users} == {"treatment"}
    rolled = act(service, "way", "roll_back", {"reason": "too dear"})
    assert (rolled["status"], rolled["promoted"], rolled["history"][-1]["reason"]) == ("rolled_back", None, "too dear")
    assert [ask(service, "way", user)[1] for user in users[:3]] == ["control"] * 3
    users_before = sum(one["users"] for one in service.get("/v1/experiments/way")["variants"])
    act(service, "way", "resume")
    assert {user: assigned(service, "way", user) for user in users} == own
    # What was answered while nobody drew lots is counted as a request, not as a user.
    counts = service.get("/v1/experiments/way")["variants"]
    assert users_before == 1 and sum(one["requests"] for one in counts) == 7
    act(service, "way", "stop")
    assert ask(service, "way", users[1])[1] == own[users[1]]
    assert sum(one["users"] for one in service.get("/v1/experiments/way")["variants"]) == 1
    assert [entry["what"] for entry in service.get("/v1/experiments/way")["history"]] == [
        "created", "promoted", "rolled_back", "resumed", "stopped"]
    assert service.call("DELETE", "/v1/experiments/way")[0] == 200
    assert service.chat("way")[0] == 404 and service.get("/v1/feedback")["data"] == []


def keys_for(service, *named):
    made = []
    for name, role in named:
        status, key = service.call("POST", "/v1/keys", {"name": name, "role": role})
        assert status == 200, key
        made.append(key["key"])
    return made


def test_others_see_nothing_of_it(service):
    mine, theirs = keys_for(service, ("mine", "train"), ("theirs", "train"))
    (use,) = keys_for(service, ("mine", "use"))
    status, experiment = service.call("POST", "/v1/experiments", {"name": "secret", "variants": TWO}, key=mine)
    assert status == 200, experiment
    asked = {"model": "secret", "messages": [{"role": "user", "content": "q"}], "max_tokens": 1, "user": "u", "store": True}
    status, answer = service.call("POST", "/v1/chat/completions", asked, key=use)
    assert status == 200, answer
    status, feedback = service.call("POST", "/v1/feedback", {"completion_id": answer["id"], "thumb": "up"}, key=use)
    assert status == 200, feedback
    for method, path, body in [
        ("GET", "/v1/experiments/secret", None), ("GET", f"/v1/experiments/{experiment['id']}", None),
        ("GET", "/v1/experiments/secret/statistics", None), ("GET", "/v1/experiments/secret/assignment?user=u", None),
        ("POST", "/v1/experiments/secret/promote", {"variant": "control"}), ("POST", "/v1/experiments/secret/roll_back", None),
        ("POST", "/v1/experiments/secret/stop", None), ("POST", "/v1/experiments/secret", {"metadata": {}}),
        ("DELETE", "/v1/experiments/secret", None), ("POST", "/v1/chat/completions", asked), ("GET", "/v1/models/secret", None),
        ("POST", "/v1/feedback", {"completion_id": answer["id"], "thumb": "down"}),
        ("POST", "/v1/feedback", {"experiment": "secret", "user": "u", "thumb": "down"}),
        ("GET", "/v1/feedback?experiment=secret", None), ("DELETE", f"/v1/feedback/{feedback['id']}", None),
        ("POST", "/v1/feedback/datasets", {"format": "sft", "experiment": "secret"}),
    ]:
        status, document = service.call(method, path, body, key=theirs)
        assert status == 404 and document["error"]["message"], (method, path, status, document)
    assert service.call("GET", "/v1/feedback", key=theirs)[1]["data"] == []
    assert "secret" not in [one["name"] for one in service.call("GET", "/v1/experiments", key=theirs)[1]["data"]]
    assert "secret" not in [one["id"] for one in service.call("GET", "/v1/models", key=theirs)[1]["data"]]
    assert "secret" in [one["id"] for one in service.call("GET", "/v1/models", key=use)[1]["data"]]
    # A name is one's own: somebody else may have an experiment that is called so.
    assert service.call("POST", "/v1/experiments", {"name": "secret", "variants": TWO}, key=theirs)[0] == 200
    assert service.call("POST", "/v1/experiments", {"name": "secret", "variants": TWO}, key=mine)[0] == 409
    # To ask is not to decide.
    assert service.call("POST", "/v1/experiments/secret/promote", {"variant": "control"}, key=use)[0] == 403
    assert service.call("GET", "/v1/feedback", key=use)[0] == 403


def bad_experiments():
    good = {"name": "fine", "variants": TWO}
    yield "name", {**good, "name": "a:b"}, 400
    yield "name", {**good, "name": ""}, 400
    yield "name", {**good, "name": "n" * 65}, 400
    yield "name", {**good, "name": ".."}, 400
    yield "name", {**good, "name": 7}, 400
    yield "name", {"variants": TWO}, 400
    yield "name", {**good, "name": MODEL}, 409
    yield "variants", {"name": "fine"}, 400
    yield "variants", {**good, "variants": TWO[:1]}, 400
    yield "variants", {**good, "variants": {}}, 400
    yield "variants[0]", {**good, "variants": [1, 2]}, 400
    yield "variants", {**good, "variants": [TWO[0], {**TWO[1], "weight": 0.4}]}, 400
    for field, value in [("weight", -0.1), ("weight", "half"), ("weight", None), ("name", "x y"), ("name", "control"), ("model", ""), ("model", "a\u0000b"),
                         ("endpoint", "nowhere"), ("colour", 1)]:
        yield f"variants[1].{field}", {**good, "variants": [TWO[0], {**TWO[1], field: value}]}, 400
    yield "variants[1].model", {**good, "variants": [TWO[0], {**TWO[1], "model": "ft:none"}]}, 404
    yield "metrics", {**good, "metrics": []}, 400
    yield "metrics", {**good, "metrics": "positive"}, 400
    metric = {"name": "stars", "kind": "mean"}
    for field, value in [("kind", "median"), ("kind", None), ("higher_is_better", 1), ("max_worsening", -1), ("name", "a b"), ("x", 1)]:
        yield f"metrics[0].{field}", {**good, "metrics": [{**metric, field: value}]}, 400
    yield "metrics[1].name", {**good, "metrics": [metric, metric]}, 400
    yield "metrics[0].kind", {**good, "metrics": [{"name": "latency_ms", "kind": "binary"}]}, 400
    yield "metrics[0].kind", {**good, "metrics": [{"name": "positive", "kind": "mean"}]}, 400
    for field, value in [("minimum_per_variant", 0), ("minimum_per_variant", "many"), ("alpha", 0), ("alpha", 0.9), ("expected", 0),
                         ("auto_roll_back", "yes"), ("store", 1), ("metadata", []), ("metadata", {str(i): "" for i in range(17)}),
                         ("colour", "red")]:
        yield field, {**good, field: value}, 400
    yield "metadata.a", {**good, "metadata": {"a": 1}}, 400


def test_every_field_is_checked(service):
    for param, body, expected in bad_experiments():
        status, answer = service.call("POST", "/v1/experiments", body)
        assert (status, answer["error"]["param"]) == (expected, param), (body, answer)
    create(service, "checked", metrics=[{"name": "positive", "kind": "binary"}, {"name": "stars", "kind": "mean"}])
    changes = [("weights", {"weights": {"control": 0.5, "third": 0.5}}), ("weights.treatment", {"weights": {"control": 1}}),
               ("weights", {"weights": {"control": 0.5, "treatment": 0.4}}), ("weights", {"weights": [1]}), ("name", {"name": "other"}),
               ("auto_roll_back", {"auto_roll_back": 1}), ("metadata", {"metadata": "x"})]
    for param, body in changes:
        status, answer = service.call("POST", "/v1/experiments/checked", body)
        assert (status, answer["error"]["param"]) == (400, param), (body, answer)
    for body, param in [({"variant": "third"}, "variant"), ({}, "variant"), ({"variant": "control", "x": 1}, "x")]:
        status, answer = service.call("POST", "/v1/experiments/checked/promote", body)
        assert (status, answer["error"]["param"]) == (400, param), answer
    for path, param in [("assignment", "user"), ("assignment?user=", "user"), ("statistics?language=fr", "language")]:
        status, answer = service.call("GET", f"/v1/experiments/checked/{path}")
        assert (status, answer["error"]["param"]) == (400, param), answer
    answer, _ = ask(service, "checked", "me")
    about = {"completion_id": answer["id"]}
    by_user = {"experiment": "checked", "user": "me"}
    for param, body, expected in [
        ("completion_id", {"thumb": "up"}, 400), ("completion_id", {"completion_id": "chatcmpl-none", "thumb": "up"}, 404),
        ("completion_id", {"completion_id": 5, "thumb": "up"}, 400), ("thumb", about, 400), ("thumb", {**about, "thumb": "sideways"}, 400),
        ("choice_index", {**about, "choice_index": 1, "thumb": "up"}, 400), ("user", {**about, "user": "you", "thumb": "up"}, 400),
        ("score", {**about, "score": "ten"}, 400), ("score", {**about, "score": 1e300}, 400), ("metrics", {**about, "metrics": [1]}, 400),
        ("metrics.pace", {**about, "metrics": {"pace": 1}}, 400), ("metrics.latency_ms", {**about, "metrics": {"latency_ms": 1}}, 400),
        ("metrics.positive", {**about, "metrics": {"positive": 0.5}}, 400), ("thumb", {**about, "thumb": "up", "metrics": {"positive": 1}}, 400),
        ("metrics.stars", {**about, "metrics": {"stars": "five"}}, 400), ("correction", {**about, "correction": "better"}, 400),
        ("comment", {**about, "comment": ""}, 400), ("colour", {**about, "thumb": "up", "colour": 1}, 400),
        ("experiment", {"experiment": "none", "user": "me", "thumb": "up"}, 404), ("user", {"experiment": "checked", "thumb": "up"}, 400),
        ("user", {"experiment": "checked", "user": "", "thumb": "up"}, 400), ("correction", {**by_user, "correction": "x"}, 400),
    ]:
        status, refused = service.call("POST", "/v1/feedback", body)
        assert (status, refused["error"]["param"]) == (expected, param), (body, refused)
    for param, body in [("format", {}), ("format", {"format": "rft"}), ("experiment", {"format": "sft", "experiment": 1}),
                        ("since", {"format": "sft", "since": -1}), ("min_score", {"format": "sft", "min_score": "x"}),
                        ("filename", {"format": "sft", "filename": "../x"}), ("job", {"format": "sft", "job": []}),
                        ("job.model", {"format": "sft", "job": {}}), ("job", {"format": "kto", "job": {"model": MODEL}}),
                        ("job.x", {"format": "sft", "job": {"model": MODEL, "x": 1}}), ("x", {"format": "sft", "x": 1}),
                        ("format", {"format": "sft", "experiment": "checked"})]:
        status, refused = service.call("POST", "/v1/feedback/datasets", body)
        assert (status, refused["error"]["param"]) == (400, param), (body, refused)
    for body in (b"", b"[]", b"{", b"\xff"):
        assert service.call("POST", "/v1/experiments", body)[0] == 400
        assert service.call("POST", "/v1/feedback", body)[0] == 400


def test_a_second_thumb_takes_the_place_of_the_first_and_can_be_taken_back(service):
    create(service, "second", metrics=[{"name": "positive", "kind": "binary"}, {"name": "score", "kind": "mean"}])
    answer, variant = ask(service, "second", "me", n=2)
    given = [service.call("POST", "/v1/feedback", {"completion_id": answer["id"], "choice_index": i, **said})[1]
             for i, said in [(0, {"thumb": "down", "score": 0.1}), (0, {"thumb": "up", "score": 0.3}), (1, {"thumb": "up"})]]
    assert given[0]["id"] == given[1]["id"] != given[2]["id"]
    mine = statistics(service, "second")["variants"][variant]["metrics"]
    assert (mine["positive"]["mean"], mine["score"]["mean"], mine["positive"]["count"]) == (1, 0.3, 1)
    listed = service.get("/v1/feedback?experiment=second&limit=1")
    assert [one["id"] for one in listed["data"]] == [given[2]["id"]] and listed["has_more"]
    rest = service.get(f"/v1/feedback?experiment=second&after={listed['last_id']}")
    assert [one["score"] for one in rest["data"]] == [0.3] and not rest["has_more"]
    for one in given[1:]:
        assert service.call("DELETE", f"/v1/feedback/{one['id']}")[1]["deleted"]
    mine = statistics(service, "second")["variants"][variant]["metrics"]
    assert mine["positive"] is None and mine["score"] is None
    assert mine["latency_ms"]["count"] == 1 and mine["latency_ms"]["mean"] > 0 and mine["error"]["mean"] == 0
    assert mine["completion_tokens"]["mean"] == answer["usage"]["completion_tokens"]


def test_without_a_user_and_streaming(service):
    create(service, "streams")
    seen = {ask(service, "streams")[1] for _ in range(24)}
    assert seen == {"control", "treatment"}
    script = """
import sys
from openai import OpenAI
client = OpenAI()
with client.chat.completions.with_streaming_response.create(model="streams", messages=[{"role": "user", "content": "q"}], user="u1",
                                                            max_tokens=4, stream=True) as answer:
    print(answer.headers["x-hone-variant"])
stream = client.chat.completions.create(model="streams", messages=[{"role": "user", "content": "q"}], user="u1", max_tokens=4, stream=True)
ids = {chunk.id for chunk in stream}
print(*ids)
plain = client.completions.create(model="streams", prompt="Hello", max_tokens=3, user="u1")
print(plain.id, plain.model)
print(client.post("/feedback", body={"completion_id": plain.id, "thumb": "up"}, cast_to=object)["variant"])
"""
    result = subprocess.run([CLIENTS, "-c", script], env=service.environment(), capture_output=True, text=True, timeout=120)
    assert result.returncode == 0, result.stderr
    variant, streamed, plain, of_feedback = result.stdout.split("\n")[:4]
    assert variant == assigned(service, "streams", "u1") == of_feedback and plain.endswith(MODEL)
    assert service.call("POST", "/v1/feedback", {"completion_id": streamed, "thumb": "up"})[1]["counted"]
    counts = service.get("/v1/experiments/streams")["variants"]
    assert sum(one["users"] for one in counts) == 1 and sum(one["requests"] for one in counts) in (26, 27)


def kept_texts(service):
    return (service.data / "hone.db").read_bytes() + b"".join(path.read_bytes() for path in service.data.glob("hone.db-*"))


def test_text_is_kept_only_when_asked_and_becomes_training_data(start, tmp_path):
    service = start()
    create(service, "quiet")
    ask(service, "quiet", "secret-user@example.org", messages=[{"role": "user", "content": "비밀 질문 하나"}])
    service.chat(MODEL, "비밀 질문 둘")
    create(service, "kept", store=True)
    ask(service, "kept", "u0", store=False, messages=[{"role": "user", "content": "비밀 질문 셋"}])
    statistics(service, "quiet"), statistics(service, "kept")
    assert "비밀".encode() not in kept_texts(service) and b"secret-user" not in kept_texts(service)

    def answer(i, seed):
        return ask(service, "kept", f"u{i}", seed=seed, max_tokens=8, messages=[{"role": "system", "content": "친절합니다."},
                                                                               {"role": "user", "content": f"질문 {i}"}])[0]["id"]

    def feed(completion, **said):
        status, feedback = service.call("POST", "/v1/feedback", {"completion_id": completion, **said})
        assert status == 200, feedback

    for i in range(10):
        feed(answer(i, 1), thumb="up")
        feed(answer(i, 2), thumb="down")
    feed(answer(10, 1), thumb="down", correction="이렇게 답해야 합니다.")
    feed(answer(11, 1), score=5)
    feed(answer(12, 1), comment="no opinion")
    thumb(service, "kept", "u3", True)
    plain = service.call("POST", "/v1/completions", {"model": "kept", "prompt": ["하나", "둘"], "n": 2, "max_tokens": 4, "user": "u1"})[1]
    feed(plain["id"], choice_index=2, thumb="up")

    def dataset(format, **settings):
        status, made = service.call("POST", "/v1/feedback/datasets", {"format": format, "experiment": "kept", **settings})
        assert status == 200, made
        path = tmp_path / f"{format}.jsonl"
        path.write_bytes(service.call("GET", f"/v1/files/{made['file']['id']}/content")[1])
        check = subprocess.run([HONE, "data", "check", path, "--min-rows", "0"], capture_output=True, text=True)
        assert check.returncode == 0, check.stdout + check.stderr
        return made, [json.loads(line) for line in path.read_text().splitlines()]

    made, rows = dataset("sft", min_score=4)
    assert made["rows"] == len(rows) == 13 and made["file"]["filename"] == "feedback-sft.jsonl"
    assert made["skipped"] == {"disliked": 10, "no_opinion": 1, "no_completion": 1}
    assert rows[0]["messages"][:2] == [{"role": "system", "content": "친절합니다."}, {"role": "user", "content": "질문 0"}]
    assert any(row.get("messages", [{}])[-1].get("content") == "이렇게 답해야 합니다." for row in rows)
    assert rows[-1]["prompt"] == "둘" and rows[-1]["completion"] == plain["choices"][2]["text"]
    made, rows = dataset("kto")
    assert made["rows"] == 22 and sum(row["label"] for row in rows) == 11
    assert rows[0]["prompt"][1]["content"] == "질문 0" and rows[0]["completion"][0]["role"] == "assistant"
    made, rows = dataset("dpo", filename="pairs.jsonl", job={"model": MODEL, "suffix": "liked", "hyperparameters": {"n_epochs": 1, "beta": 0.2}})
    assert made["rows"] == 11 and made["skipped"]["no_pair"] == 1 and made["file"]["filename"] == "pairs.jsonl"
    by_prompt = {row["input"]["messages"][1]["content"]: row for row in rows}
    assert by_prompt["질문 10"]["preferred_output"][0]["content"] == "이렇게 답해야 합니다."
    assert all(row["preferred_output"] != row["non_preferred_output"] for row in rows)
    job = service.wait(made["job"]["id"])
    assert job["status"] == "succeeded" and job["method"]["dpo"]["hyperparameters"]["beta"] == 0.2, job
    # The way goes on: the tuned model in the next experiment.
    create(service, "next", variants=[TWO[0], {"name": "liked", "model": job["fine_tuned_model"], "weight": 0.5}])
    act(service, "next", "promote", {"variant": "liked"})
    assert ask(service, "next", "u1")[0]["model"] == job["fine_tuned_model"]


def test_a_breached_guard_rail_rolls_back_by_itself(service):
    create(service, "guarded", auto_roll_back=True, minimum_per_variant=5, expected=60,
           metrics=[{"name": "stars", "kind": "mean"}, {"name": "positive", "kind": "binary", "max_worsening": 0.1}])
    create(service, "unguarded", minimum_per_variant=5, expected=60, metrics=[{"name": "positive", "kind": "binary", "max_worsening": 0.1}])
    for name in ("guarded", "unguarded"):
        for i in range(70):
            thumb(service, name, f"u{i}", assigned(service, name, f"u{i}") == "control" or i % 12 == 0)
    until = time.monotonic() + 30
    while service.get("/v1/experiments/guarded")["status"] == "running" and time.monotonic() < until:
        time.sleep(0.05)
    experiment = service.get("/v1/experiments/guarded")
    assert experiment["status"] == "rolled_back", statistics(service, "guarded")
    assert experiment["history"][-1]["by"] == "auto_roll_back" and "positive of treatment" in experiment["history"][-1]["reason"]
    assert ask(service, "guarded", "anybody")[1] == "control"
    found = statistics(service, "unguarded")
    assert found["verdict"] == "roll_back" and found["treatments"]["treatment"]["guard_rails"]["positive"]["state"] == "breached"
    assert service.get("/v1/experiments/unguarded")["status"] == "running"


def test_a_variant_may_be_another_service(start, monkeypatch):
    there = start(name="there")
    monkeypatch.setenv("HONE_ENDPOINT_OTHER_KEY", there.key)
    here = start("--endpoint", f"other={there.address}/v1")
    create(here, "abroad", variants=[TWO[0], {"name": "treatment", "model": "other-name", "weight": 0.5, "endpoint": "other"}], store=True)
    user = next(f"u{i}" for i in range(100) if assigned(here, "abroad", f"u{i}") == "treatment")
    asked = {"messages": [{"role": "user", "content": "안녕"}], "seed": 3, "temperature": 0.7, "max_tokens": 6}
    answer, variant = ask(here, "abroad", user, **asked)
    same = there.call("POST", "/v1/chat/completions", {"model": "other-name", **asked})[1]
    assert variant == "treatment" and answer["model"] == "other-name"
    assert answer["choices"][0]["message"]["content"] == same["choices"][0]["message"]["content"]
    script = """
import sys, json
from openai import OpenAI
client = OpenAI()
settings = dict(model="abroad", messages=[{"role": "user", "content": "안녕"}], user=sys.argv[1], seed=3, temperature=0.7, max_tokens=6)
chunks = list(client.chat.completions.create(stream=True, **settings))
assert all(chunk.choices and chunk.usage is None for chunk in chunks), chunks
counted = list(client.chat.completions.create(stream=True, stream_options={"include_usage": True}, **settings))
assert counted[-1].usage.completion_tokens == 6 and not counted[-1].choices, counted[-1]
print(json.dumps([chunks[0].id, chunks[0].model, "".join(chunk.choices[0].delta.content or "" for chunk in chunks)]))
plain = client.completions.create(model="abroad", prompt="Hello", user=sys.argv[1], max_tokens=2)
print(json.dumps([plain.id, plain.model]))
"""
    result = subprocess.run([CLIENTS, "-c", script, user], env=here.environment(), capture_output=True, text=True, timeout=120)
    assert result.returncode == 0, result.stderr
    (streamed, streamed_model, text), (plain, plain_model) = map(json.loads, result.stdout.splitlines())
    assert streamed_model == plain_model == "other-name" and text == same["choices"][0]["message"]["content"]
    for completion in (answer["id"], streamed, plain):
        assert here.call("POST", "/v1/feedback", {"completion_id": completion, "thumb": "up"})[1]["variant"] == "treatment"
    made = here.call("POST", "/v1/feedback/datasets", {"format": "sft", "experiment": "abroad"})[1]
    rows = [json.loads(line) for line in here.call("GET", f"/v1/files/{made['file']['id']}/content")[1].splitlines()]
    assert [row["messages"][-1]["content"] for row in rows[:2]] == [text, text]
    figures = statistics(here, "abroad")["variants"]["treatment"]["metrics"]
    assert figures["completion_tokens"]["mean"] > 0 and figures["error"]["mean"] == 0
    # What the client did wrong is told as the other service tells it; who asks is not passed on.
    refused = here.chat("abroad", user=user, temperature=9)
    assert refused[0] == 400 and "temperature" in refused[1]["error"]["message"]
    there.kill()
    status, failed = here.chat("abroad", user=user)
    assert status == 502 and there.address not in json.dumps(failed)
    assert statistics(here, "abroad")["variants"]["treatment"]["metrics"]["error"]["mean"] > 0
    there.start()
    result = subprocess.run([HONE, "serve", "--model", "x", "--endpoint", "other=ftp://x"], capture_output=True, text=True)
    assert result.returncode == 2 and "NAME=URL" in result.stderr
