"""The page of hone serve in a real browser: every screen, both languages, a phone's width, the keyboard, and hostile texts."""
import contextlib
import glob
import json
import pathlib
import re
import site
import urllib.error
import urllib.request

import pytest

from e2e.service import MODEL, ROOT, Service, chats, write_rows

for folder in glob.glob(str(ROOT / "build/python-web/lib/python3*/site-packages")):
    site.addsitedir(folder)
playwright = pytest.importorskip("playwright.sync_api", reason="build/python-web is not there: tools/setup.sh oracles")
CHROMIUM = pathlib.Path("/usr/bin/chromium")
pytestmark = pytest.mark.skipif(not CHROMIUM.exists(), reason="Chromium is not installed: tools/setup.sh oracles")

SHOTS = ROOT / "build/screenshots"
PAGE = ROOT / "src/serve/web/page"
SCREENS = ["jobs", "files", "models", "playground", "experiments", "cost", "new"]
SECONDS = 60_000  # what a busy machine may take for a step, in ms
# Would run if it became markup anywhere.
EVIL = "<img src=x onerror=window.harmed=1><b>"


@pytest.fixture(scope="module")
def service(model, tmp_path_factory):
    folder = tmp_path_factory.mktemp("service")
    running = Service(model, folder / "data", "--max-running", "8").start()
    try:
        rows = write_rows(folder / "상담 질문과 답변.jsonl", chats(40))
        running.file = running.upload(rows)
        running.tuned = running.wait(running.job(training_file=running.file, suffix="first", method={
            "type": "supervised", "supervised": {"hyperparameters": {"n_epochs": 4, "batch_size": 4, "learning_rate_multiplier": 20}}}))
        assert running.tuned["status"] == "succeeded", running.tuned
        yield running
    finally:
        running.stop()


@pytest.fixture(scope="module")
def chromium():
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=str(CHROMIUM))
        yield browser
        browser.close()


class Watched:
    """Pages of one browser context, and what went wrong in them."""

    def __init__(self, chromium, address, allowed=(), **settings):
        self.address, self.allowed = address, allowed
        self.problems = []
        self.context = chromium.new_context(**{"viewport": {"width": 1280, "height": 860}, "locale": "en-US", "reduced_motion": "reduce", **settings})
        self.context.set_default_timeout(SECONDS)
        self.page = self.context.new_page()
        self.page.on("console", self.heard)
        self.page.on("pageerror", lambda error: self.problems.append(f"thrown: {error}"))
        self.page.on("request", self.asked)

    def heard(self, message):
        text = f"{message.type}: {message.text} {message.location.get('url', '')}"
        if message.type in ("error", "warning") and not any(re.search(pattern, text) for pattern in self.allowed):
            self.problems.append(text)

    def asked(self, request):
        if not request.url.startswith((self.address + "/", "blob:" + self.address + "/")):
            self.problems.append(f"asked elsewhere: {request.url}")

    def open(self, screen="", key=None):
        if key:  # as if it had been typed in this tab
            self.context.add_init_script(f"sessionStorage.getItem('hone.key') ?? sessionStorage.setItem('hone.key', {json.dumps(key)})")
        self.page.goto(f"{self.address}/#/{screen}")
        self.page.wait_for_selector("h1")
        return self.page

    def shoot(self, name):
        SHOTS.mkdir(parents=True, exist_ok=True)
        self.page.screenshot(path=SHOTS / f"{name}.png")


@pytest.fixture
def browse(chromium, service):
    made = []

    def make(address=service.address, **settings):
        made.append(Watched(chromium, address, **settings))
        return made[-1]

    yield make
    problems = [problem for one in made for problem in one.problems]
    for one in made:
        one.context.close()
    assert problems == []


def settled(page):
    page.wait_for_function("() => !document.querySelector('.loading')")


def fetch(address, path, **headers):
    with contextlib.closing(urllib.request.urlopen(urllib.request.Request(address + path, headers=headers), timeout=30)) as answer:
        return answer.status, dict(answer.headers.items()), answer.read()


def experiments(service):
    return [f"experiments/{one['id']}" for one in service.get("/v1/experiments")["data"]]


def texts():
    """{key: [English, Korean]} of page/text.js."""
    lines = re.findall(r'^  ("[^"]+"): (\[.*\]),$', (PAGE / "text.js").read_text(encoding="utf-8"), re.M)
    return {json.loads(key): json.loads(value) for key, value in lines}


def test_every_text_is_there_in_both_languages():
    table = texts()
    assert len(table) == len(re.findall(r'^  "', (PAGE / "text.js").read_text(encoding="utf-8"), re.M)) > 200
    for key, value in table.items():
        assert len(value) == 2 and all(value), key
        assert sorted(re.findall(r"\{\w+\}", value[0])) == sorted(re.findall(r"\{\w+\}", value[1])), key
    sources = "\n".join(path.read_text(encoding="utf-8") for path in PAGE.rglob("*.js") if path.name != "text.js")
    whole = set(re.findall(r'"([a-z]+\.[a-z_0-9]+)"', sources)) - {"hone.key", "hone.language", "hone.playground"}
    assert whole <= set(table), whole - set(table)
    begins = tuple(set(re.findall(r'`([a-z]+\.)\$\{', sources)) | {f"{name}." for name in re.findall(r'word\("(\w+)"', sources)})
    unused = {key for key in table if key not in whole and not key.startswith(begins)}
    assert unused == set()


def test_nothing_of_the_page_makes_markup_of_text():
    for path in PAGE.rglob("*"):
        if path.is_file():
            text = path.read_text(encoding="utf-8")
            assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(|new Function|javascript:", text), path
            assert not re.search(r"https?://(?!www\.w3\.org/)", text), f"{path} names another place"


def test_the_shell_is_open_strict_and_cached(service):
    status, headers, html = fetch(service.address, "/")
    assert status == 200 and headers["content-type"] == "text/html; charset=utf-8" and b'data-key="asked"' in html
    policy = headers["content-security-policy"]
    for rule in ("default-src 'none'", "script-src 'self'", "frame-ancestors 'none'", "base-uri 'none'", "form-action 'none'", "require-trusted-types-for 'script'"):
        assert rule in policy
    assert "unsafe" not in policy and "*" not in policy
    for path in PAGE.rglob("*"):
        if path.is_dir() or path.name == "index.html":
            continue
        name = path.relative_to(PAGE).as_posix()
        status, headers, body = fetch(service.address, f"/assets/{name}")
        assert body == path.read_bytes(), name
        assert headers["x-content-type-options"] == "nosniff" and headers["referrer-policy"] == "no-referrer"
        assert headers["content-security-policy"] == policy and headers["cache-control"] == "no-cache"
    for sent in (headers["etag"], f'"other", W/{headers["etag"]}', "*"):
        with pytest.raises(urllib.error.HTTPError) as same:
            fetch(service.address, f"/assets/{name}", **{"if-none-match": sent})
        assert same.value.code == 304 and same.value.read() == b""
    assert fetch(service.address, f"/assets/{name}", **{"if-none-match": '"other"'})[0] == 200
    for path in ("/assets/", "/assets/nothing.js", "/assets/../service.cpp", "/assets/views/%2e%2e/app.js", "/index.html"):
        with pytest.raises(urllib.error.HTTPError) as refused:
            fetch(service.address, path)
        assert refused.value.code in (400, 401), path


def test_the_key_is_asked_for_kept_in_the_tab_and_forgotten(browse, service):
    watched = browse(allowed=[r"status of 401"])
    page = watched.open()
    page.wait_for_selector(".login")
    watched.shoot("login")
    page.get_by_label("API key").fill("sk-wrong")
    page.keyboard.press("Enter")
    page.get_by_text("The server does not know this key.").wait_for()
    page.get_by_label("API key").fill(service.key)
    page.keyboard.press("Enter")
    page.locator("h1", has_text="Jobs").wait_for()
    page.reload()
    page.locator("h1", has_text="Jobs").wait_for()
    assert page.evaluate("[sessionStorage.length, localStorage.length, document.cookie]") == [1, 0, ""]
    other = watched.context.new_page()
    other.goto(service.address)
    other.wait_for_selector(".login")
    other.close()
    # A key that is taken back while the page is open.
    status, made = service.call("POST", "/v1/keys", {"name": "guest", "role": "use"})
    assert status == 200
    page.evaluate("key => sessionStorage.setItem('hone.key', key)", made["key"])
    page.reload()
    page.get_by_text("This key may not do that.").wait_for()
    watched.allowed = [r"status of 40[13]"]
    watched.problems = [problem for problem in watched.problems if "403" not in problem]
    assert service.call("DELETE", f"/v1/keys/{made['id']}")[0] == 200
    page.get_by_role("link", name="Models").click()
    page.get_by_text("The server no longer takes this key.").wait_for()
    assert page.evaluate("sessionStorage.length") == 0


def test_from_the_upload_to_curves_that_grow(browse, service, tmp_path):
    watched = browse()
    page = watched.open("files", service.key)
    rows = write_rows(tmp_path / "긴 이름의 한국어 상담 데이터 2026년 11월.jsonl", chats(96))
    page.wait_for_selector("#picker", state="attached")
    # Dropped, as from a desktop.
    given = page.evaluate_handle("([name, text]) => { const all = new DataTransfer(); all.items.add(new File([text], name)); return all; }", [rows.name, rows.read_text()])
    page.dispatch_event(".drop", "drop", {"dataTransfer": given})
    page.locator("#files .row", has_text=rows.name).wait_for()
    bad = write_rows(tmp_path / "bad.jsonl", [*chats(12), {"messages": 3}])
    page.set_input_files("#picker", str(bad))
    page.locator("#files a", has_text="bad.jsonl").click()
    page.get_by_text("Faults: 1.").wait_for()
    assert page.get_by_role("cell", name="13", exact=True).count() >= 1
    watched.shoot("file-faults")
    page.go_back()
    page.locator("#files a", has_text=rows.name).click()
    page.get_by_text("96 examples, ready for training.").wait_for()
    page.get_by_role("link", name="Train on it").click()
    page.get_by_label("Name").fill("customer-support")
    page.get_by_label("Epochs").fill("50")
    page.get_by_label("Batch size").fill("4")
    page.get_by_label("Validation file").select_option(label=page.get_by_label("Training file").locator("option:checked").text_content())
    watched.shoot("new-job")
    page.get_by_role("button", name="Create the job").click()
    length = "() => (document.querySelector('path.curve')?.getAttribute('d') ?? '').split('L').length"
    page.wait_for_function(f"() => ({length})() > 5")
    before = page.evaluate(length)
    page.wait_for_function(f"before => ({length})() > before + 5", arg=before)
    watched.shoot("job-live")
    job = page.url.rsplit("/", 1)[1]
    page.get_by_role("button", name="Pause").click()
    page.locator("dialog").get_by_role("button", name="Pause").click()
    page.wait_for_selector("[data-status=paused]")
    page.get_by_role("button", name="Resume").click()
    page.wait_for_selector("[data-status=running], [data-status=queued]")
    page.get_by_role("button", name="Cancel the job").click()
    page.locator("dialog").get_by_role("button", name="Back").click()
    page.get_by_role("button", name="Cancel the job").click()
    page.locator("dialog").get_by_role("button", name="Cancel the job").click()
    page.wait_for_selector("[data-status=cancelled]")
    assert service.get(f"/v1/fine_tuning/jobs/{job}")["status"] == "cancelled"
    # The keyboard reads the curve.
    page.locator(".plot").first.focus()
    page.keyboard.press("Home")
    page.locator(".readout", has_text="Step 1 ").first.wait_for()
    # What a form sends that the server refuses is said beside it.
    page.get_by_role("link", name="New job like this").click()
    page.get_by_label("Validation file").wait_for()
    page.locator("input[value=dpo]").check()
    page.get_by_label("beta").fill("0.2")
    page.get_by_role("button", name="Create the job").click()
    page.wait_for_selector("[data-status=failed]")
    page.get_by_text("The job failed.").wait_for()


def test_two_answers_stream_side_by_side(browse, service):
    watched = browse()
    page = watched.open(f"playground?b={service.tuned['fine_tuned_model']}", service.key)
    page.get_by_label("Message", exact=True).wait_for()
    assert [page.locator(f"select[name=model-{side}]").input_value() for side in "ab"] == [MODEL, service.tuned["fine_tuned_model"]]
    page.get_by_text("Settings").click()
    page.get_by_label("Tokens at most").fill("40")
    page.get_by_label("Temperature").fill("0")
    page.get_by_label("Keep these texts").check()
    page.get_by_label("Message", exact=True).fill("질문 3")
    page.keyboard.press("Control+Enter")
    page.wait_for_function("() => document.querySelectorAll('.opinions').length === 2")
    shown = [said.text_content() for said in page.locator(".turn.assistant .said").all()]
    expected = [service.chat(name, "질문 3", temperature=0, max_tokens=40)[1]["choices"][0]["message"]["content"] for name in (MODEL, service.tuned["fine_tuned_model"])]
    assert shown == expected and shown[0] != shown[1]
    page.get_by_role("button", name="Good answer").first.click()
    page.wait_for_selector(".side-panel.tone-a .thumb[aria-pressed=true]")
    page.locator(".side-panel.tone-b summary").click()
    page.get_by_label("How it should have been").last.fill("이렇게 답해 주세요.")
    page.get_by_role("button", name="Send the correction").last.click()
    page.wait_for_function("() => !document.querySelector('.side-panel.tone-b .correction').open")
    given = service.get("/v1/feedback")["data"]
    assert {(one.get("thumb"), one.get("correction")) for one in given} == {("up", None), (None, "이렇게 답해 주세요.")}, given
    watched.shoot("playground")
    # A second turn goes on with the first, and can be stopped.
    page.get_by_label("Tokens at most").fill("400")
    page.get_by_label("Message", exact=True).fill("더 길게")
    page.get_by_role("button", name="Send", exact=True).click()
    page.wait_for_function("() => document.querySelectorAll('.turn.user').length === 4")
    page.keyboard.press("Escape")
    page.wait_for_function("() => !document.querySelector('[aria-busy]')")
    page.get_by_role("button", name="Start over").click()
    assert page.locator(".turn").count() == 0


def test_an_experiment_from_its_form_to_its_verdict(browse, service):
    tuned = service.tuned["fine_tuned_model"]
    watched = browse()
    page = watched.open("experiments", service.key)
    page.get_by_text("No experiments yet.").wait_for()
    page.get_by_text("New experiment").click()
    page.get_by_label("Name", exact=True).fill("tone")
    page.get_by_label("Model").last.select_option(tuned)
    page.get_by_label("Users a variant before a verdict").fill("20")
    page.get_by_label("Latency may grow by (%)").fill("1000")
    page.get_by_role("button", name="Start the experiment").click()
    page.locator("#verdict", has_text="Too early to say").wait_for()
    made = service.get("/v1/experiments/tone")
    assert [variant["model"] for variant in made["variants"]] == [MODEL, tuned] and made["minimum_per_variant"] == 20
    users = [f"user-{i}" for i in range(120)]
    for user in users:
        variant = service.get(f"/v1/experiments/tone/assignment?user={user}")["variant"]
        liked = (int(user[5:]) % 10 < 3) == (variant == "control")
        assert service.call("POST", "/v1/feedback", {"experiment": "tone", "user": user, "thumb": "up" if liked else "down"})[0] == 200
    statistics = service.get("/v1/experiments/tone/statistics?language=en")
    page.wait_for_function("reason => document.querySelector('#verdict').textContent.includes(reason)", arg=statistics["reason"])
    # Both kinds of intervals are drawn, the one that holds at every look is the wider.
    bars = page.evaluate("""() => Object.fromEntries(["fixed", "anytime"].map((name) => [name, [...document.querySelectorAll(`.intervals line.${name}`)].map((e) => e.x2.baseVal.value - e.x1.baseVal.value)]))""")
    assert len(bars["fixed"]) == len(bars["anytime"]) >= 3 and all(wide > narrow for narrow, wide in zip(bars["fixed"], bars["anytime"]))
    page.get_by_text("Figures").first.click()
    positive = statistics["variants"]["control"]["metrics"]["positive"]
    page.get_by_role("cell", name=f"{positive['mean']:.1%}", exact=True).wait_for()
    watched.shoot("experiment")
    asked = lambda: {service.chat("tone", "x", user=user, max_tokens=1)[1]["model"] for user in users[:8]}
    page.get_by_role("button", name="Promote").last.click()
    page.get_by_role("dialog").get_by_role("button", name="Promote").click()
    page.wait_for_selector("h1 [data-status=promoted]")
    assert asked() == {tuned}
    page.get_by_role("button", name="Resume").click()
    page.get_by_role("dialog").get_by_role("button", name="Resume").click()
    page.wait_for_selector("h1 [data-status=running]")
    assert asked() == {MODEL, tuned}
    page.get_by_label("treatment (%)").fill("30")
    page.get_by_role("button", name="Change the shares").click()
    page.get_by_text("not 80%").wait_for()
    page.get_by_label("control (%)").fill("70")
    page.get_by_role("button", name="Change the shares").click()
    page.get_by_text("The shares are changed.").wait_for()
    page.get_by_role("button", name="Roll back").click()
    page.get_by_role("dialog").get_by_role("button", name="Roll back").click()
    page.wait_for_selector("h1 [data-status=rolled_back]")
    assert asked() == {MODEL}
    weights = {variant["name"]: variant["weight"] for variant in service.get("/v1/experiments/tone")["variants"]}
    assert weights == pytest.approx({"control": 0.7, "treatment": 0.3})
    page.get_by_text("admin").first.wait_for()


def test_the_other_screens(browse, service):
    watched = browse()
    page = watched.open("models", service.key)
    page.get_by_text(service.tuned["fine_tuned_model"], exact=True).wait_for()
    watched.shoot("models")
    page = watched.open("cost")
    page.get_by_label("Count a file").select_option(index=1)
    page.wait_for_function("() => document.querySelector('input[name=examples]').value !== '500'")
    page.get_by_role("button", name="Reckon").click()
    page.locator("#sums").get_by_text("$126.00").wait_for()
    watched.shoot("cost")


@pytest.mark.parametrize("locale, title, other", [("ko-KR", "작업", "Jobs"), ("en-GB", "Jobs", "작업"), ("fr-FR", "Jobs", "작업")])
def test_the_language_is_the_browsers_and_can_be_changed(browse, service, locale, title, other):
    watched = browse(locale=locale)
    page = watched.open("jobs", service.key)
    page.locator("h1", has_text=title).wait_for()
    assert page.evaluate("document.documentElement.lang") == locale[:2].replace("fr", "en")
    page.locator("#language").click()
    page.locator("h1", has_text=other).wait_for()
    page.reload()
    page.locator("h1", has_text=other).wait_for()
    settled(page)
    if title == "Jobs":
        watched.shoot("jobs-korean")


@pytest.mark.parametrize("locale, scheme", [("ko-KR", "dark"), ("en-US", "light")])
def test_a_phone_needs_no_scrolling_sideways(browse, service, locale, scheme):
    watched = browse(locale=locale, color_scheme=scheme, viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True)
    screens = [*SCREENS, f"jobs/{service.tuned['id']}", f"files/{service.file}", *experiments(service)]
    for screen in screens:
        page = watched.open(screen, service.key)
        settled(page)
        wide = page.evaluate("() => [document.documentElement.scrollWidth, innerWidth]")
        assert wide[0] <= wide[1] == 390, (screen, wide)
        small = page.evaluate("""() => [...document.querySelectorAll("a.button, button, select, nav a")].filter((e) => e.checkVisibility() && e.getBoundingClientRect().height < 30)
                                       .map((e) => e.outerHTML)""")
        assert small == [], screen
        watched.shoot(f"phone-{locale[:2]}-{scheme}-{screen.split('/')[0]}{'-one' if '/' in screen else ''}")


def contrasts(page):
    """Texts whose colour is too near to what lies behind them: [ratio, text] of each below 4.5."""
    return page.evaluate("""() => {
      const parse = (text) => { const [r, g, b, a = 1] = text.match(/[\\d.]+/g).map(Number); return { rgb: [r, g, b], a }; };
      const light = (rgb) => { const [r, g, b] = rgb.map((v) => v / 255).map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)); return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
      const behind = (element) => { for (let e = element; e; e = e.parentElement) { const c = parse(getComputedStyle(e).backgroundColor); if (c.a === 1) return c.rgb; } return [255, 255, 255]; };
      const found = [];
      const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
      while (walker.nextNode()) {
        const element = walker.currentNode.parentElement;
        if (!walker.currentNode.data.trim() || !element.checkVisibility() || element.closest(":disabled, title, option")) continue;
        const style = getComputedStyle(element);
        const [x, y] = [light(parse(element instanceof SVGElement ? style.fill : style.color).rgb), light(behind(element))];
        const ratio = (Math.max(x, y) + 0.05) / (Math.min(x, y) + 0.05);
        if (ratio < 4.5) found.push([ratio, walker.currentNode.data]);
      }
      return found;
    }""")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_texts_can_be_read(browse, service, scheme):
    watched = browse(color_scheme=scheme)
    for screen in [*SCREENS, f"jobs/{service.tuned['id']}", f"files/{service.file}", *experiments(service)]:
        page = watched.open(screen, service.key)
        settled(page)
        assert contrasts(page) == [], screen
        # Whoever does not see the page hears a name for everything that can be used, once.
        unnamed = page.evaluate("""() => [...document.querySelectorAll("a, button, input, select, textarea, progress, [tabindex='0']")].filter((e) => e.checkVisibility() &&
            !(e.getAttribute("aria-label") || e.labels?.length || e.textContent.trim() || e.title)).map((e) => e.outerHTML)""")
        assert unnamed == [] and page.locator("h1").count() == 1 and page.locator("main").count() == 1, screen
        ids = page.evaluate("() => [...document.querySelectorAll('[id]')].map((e) => e.id)")
        assert len(ids) == len(set(ids)), screen
        if screen.startswith("jobs/"):
            watched.shoot(f"job-{scheme}")


def go(page, letter, title):
    """g and a letter; once more where a busy machine let too much time pass between them."""
    for _ in range(5):
        page.evaluate("() => document.activeElement.blur()")
        page.keyboard.press("g")
        page.keyboard.press(letter)
        with contextlib.suppress(playwright.TimeoutError):
            return page.locator("h1", has_text=title).wait_for(timeout=SECONDS / 5)
    raise AssertionError(f"g {letter} does not lead to {title}")


def test_the_keyboard_reaches_everything(browse, service):
    watched = browse()
    page = watched.open("jobs", service.key)
    settled(page)
    for letter, title in (("f", "Files"), ("m", "Models"), ("p", "Playground"), ("a", "A/B tests"), ("c", "Cost"), ("j", "Jobs")):
        go(page, letter, title)
        settled(page)
        wanted = page.evaluate("""() => [...document.querySelectorAll("a[href], button, input, select, textarea, summary, [tabindex='0']")]
            .filter((e) => e.checkVisibility() && !e.disabled).map((e, i) => (e.dataset.tab = i)).length""")
        page.evaluate("() => document.activeElement.blur()")
        reached, hidden = set(), []
        for _ in range(wanted + 4):
            page.keyboard.press("Tab")
            at = page.evaluate("""() => { const e = document.activeElement, s = getComputedStyle(e), l = e.nextElementSibling && getComputedStyle(e.nextElementSibling);
                return [e.dataset.tab, s.outlineStyle !== "none" || l?.outlineStyle !== "none", e.outerHTML.slice(0, 80)]; }""")
            if at[0] is not None:
                reached.add(at[0])
                hidden += [] if at[1] else [at[2]]
        # Of radio buttons one is reached by tab, the others by arrows; here there are none.
        assert len(reached) == wanted, (title, wanted, len(reached))
        assert hidden == [], title
    page.evaluate("() => document.activeElement.blur()")
    page.keyboard.press("?")
    page.get_by_role("dialog", name="Keyboard shortcuts").wait_for()
    watched.shoot("shortcuts")
    page.keyboard.press("Escape")
    page.wait_for_function("() => !document.querySelector('dialog')")
    page.keyboard.press("/")
    assert page.evaluate("document.activeElement.type") == "search"
    page.keyboard.type("gnf?")  # letters in a field are letters
    assert page.get_by_role("searchbox").input_value() == "gnf?"
    page.get_by_text("No job fits.").wait_for()


def test_a_lost_connection_is_said_and_comes_back(browse, service):
    watched = browse(allowed=[r"ERR_INTERNET_DISCONNECTED"])
    page = watched.open("jobs", service.key)
    settled(page)
    watched.context.set_offline(True)
    page.get_by_text("The connection to the server is lost.").wait_for()
    page.evaluate("() => (location.hash = '#/files')")
    page.get_by_role("button", name="Try again").wait_for()
    watched.shoot("offline")
    watched.context.set_offline(False)
    page.wait_for_selector("#picker", state="attached")  # by itself
    page.locator("#connection").wait_for(state="hidden")


def test_thousands_of_events_are_paged_and_thinned(browse, service):
    """The answers of a long job, given in place of the server's: such a job would take an hour here."""
    job = {**service.get(f"/v1/fine_tuning/jobs/{service.tuned['id']}"), "status": "running"}
    steps = 12_000
    events = [{"id": f"ftevent-{step}", "object": "fine_tuning.job.event", "created_at": 1_790_000_000 + step, "level": "info", "type": "metrics", "message": f"Step {step}",
               "data": {"step": step, "total_steps": 20_000, "train_loss": 9.0 if step == 7_001 else 2 + 1 / step, "learning_rate": 1e-4 * (1 - step / 20_000)}} for step in range(1, steps + 1)]
    asked = []

    def answer(route):
        asked.append(route.request.url)
        query = dict(part.split("=") for part in route.request.url.split("?")[1].split("&"))
        if query.get("order") == "asc":
            data, more = [], False
        else:
            end = int(query["after"].split("-")[1]) - 1 if "after" in query else steps
            data, more = events[max(0, end - 1000):end][::-1], end > 1000
        route.fulfill(json={"object": "list", "data": data, "has_more": more})

    watched = browse()
    watched.page.route("**/events?*", answer)
    watched.page.route(f"**/jobs/{job['id']}", lambda route: route.fulfill(json=job))
    page = watched.open(f"jobs/{job['id']}", service.key)
    page.get_by_text("step 12,000 of 20,000").wait_for()
    page.wait_for_function("() => document.querySelectorAll('path.curve').length >= 2")
    drawn = page.evaluate("() => document.querySelector('path.curve').getAttribute('d').match(/[\\d.]+ [\\d.]+/g).map((p) => p.split(' ').map(Number))")
    assert len(drawn) < 2000
    peak = min(drawn, key=lambda point: point[1])  # the one high loss is not thinned away
    assert peak[1] < 40 and page.locator(".chart:visible").count() == 3
    page.get_by_label("Which events").select_option("all")
    assert page.locator(".event").count() == 100
    page.get_by_text("100 of 12,000").wait_for()
    page.get_by_role("button", name="Show more").click()
    assert page.locator(".event").count() == 600
    page.wait_for_timeout(2500)
    begun = [url for url in asked if "order=asc" not in url]
    assert len(begun) == 12 and all("after=ftevent-12000" in url for url in asked if "order=asc" in url), "only what is new is asked for"
    watched.shoot("job-long")


def test_hostile_texts_stay_texts(browse, service, tmp_path):
    path = tmp_path / "x"
    path.write_text("".join(json.dumps(row) + "\n" for row in [*chats(12), {EVIL: EVIL}]), encoding="utf-8")
    mark = "hone-boundary"
    body = (f"--{mark}\r\ncontent-disposition: form-data; name=\"purpose\"\r\n\r\nfine-tune\r\n--{mark}\r\n"
            f"content-disposition: form-data; name=\"file\"; filename=\"{EVIL}\"\r\n\r\n").encode() + path.read_bytes() + f"\r\n--{mark}--\r\n".encode()
    status, file = service.call("POST", "/v1/files", body, headers={"content-type": f"multipart/form-data; boundary={mark}"})
    assert status == 200 and file["filename"] == EVIL
    job = service.job(training_file=file["id"], suffix=EVIL[:60], metadata={EVIL[:60]: EVIL})
    service.wait(job)
    watched = browse()
    # A model that says it, and a server that fails with it.
    chunk = {"id": "chatcmpl-x", "object": "chat.completion.chunk", "created": 1, "model": EVIL}
    stream = "".join(f"data: {json.dumps({**chunk, 'choices': [choice]})}\n\n" for choice in
                     ({"index": 0, "delta": {"content": EVIL}, "finish_reason": None}, {"index": 0, "delta": {}, "finish_reason": "stop"})) + "data: [DONE]\n\n"
    watched.page.route("**/v1/chat/completions", lambda route: route.fulfill(body=stream, content_type="text/event-stream"))
    for screen, shown in (("files", EVIL), (f"files/{file['id']}", EVIL), ("jobs", "-img-src-x"), (f"jobs/{job}", EVIL), ("new", EVIL)):
        page = watched.open(screen, service.key)
        settled(page)
        page.wait_for_function("text => document.body.textContent.includes(text)", arg=shown)
    page = watched.open("playground")
    page.get_by_label("Message", exact=True).fill(EVIL)
    page.keyboard.press("Control+Enter")
    page.wait_for_function("() => document.querySelectorAll('.opinions').length === 2")
    assert [said.text_content() for said in page.locator(".said").all()] == [EVIL] * 4
    assert page.evaluate("[window.harmed ?? null, document.querySelectorAll('img[src=x], body script').length]") == [None, 0]


def test_the_policy_holds(browse, service):
    """Were there a hole in the page, the browser would still run nothing of it."""
    watched = browse(allowed=[r"Content Security Policy|Trusted"])
    page = watched.open("jobs", service.key)
    settled(page)
    refused = page.evaluate("""async () => {
      const refused = [];
      try { document.body.innerHTML = "<p>x</p>"; } catch (error) { refused.push(error.name); }
      const script = document.createElement("script");
      try { script.textContent = "window.harmed = 1"; document.body.append(script); } catch (error) { refused.push(error.name); }
      try { await fetch("http://127.0.0.1:1/"); } catch (error) { refused.push(error.name); }
      const image = new Image();
      const loaded = new Promise((done) => { image.onload = () => done("loaded"); image.onerror = () => done("image"); });
      image.src = "data:image/gif;base64,R0lGODlhAQABAAAAACH5BAEKAAEALAAAAAABAAEAAAICTAEAOw==";
      refused.push(await loaded);
      return [refused, window.harmed ?? null];
    }""")
    watched.problems = [problem for problem in watched.problems if "http://127.0.0.1:1/" not in problem and "data:image" not in problem]
    assert refused == [["TypeError", "TypeError", "TypeError", "image"], None]


def test_without_keys_none_is_asked_for(chromium, browse, model, tmp_path):
    running = Service(model, tmp_path / "data", "--no-auth").start()
    try:
        watched = browse(address=running.address)
        page = watched.open()
        page.locator("h1", has_text="Jobs").wait_for()
        page.get_by_text("No jobs yet.").wait_for()
        assert page.locator("#sign-out").count() == 0
        watched.shoot("empty")
        page.keyboard.press("n")
        page.get_by_text("A job needs a file to train on.").wait_for()
    finally:
        running.stop()
