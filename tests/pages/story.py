"""The whole story, as people live it in a browser: from the first owner to what was live.

`python tests/pages/story.py FOLDER` writes its pictures into a folder.
"""

import re
from datetime import UTC, datetime

PASSWORD = "a long enough password"
SIZE = {"width": 1280, "height": 920}


class Story:
    """A browser with one window for each person; every page is watched for what a browser complains of."""

    def __init__(self, browser, address, pictures=None, **context):
        self.browser, self.address, self.pictures = browser, address, pictures
        self.context, self.windows, self.complaints = context, {}, []

    def window(self, who):
        """The page of a person, in a browser of their own."""
        if who not in self.windows:
            context = self.browser.new_context(viewport=SIZE, timezone_id="Etc/UTC", **self.context)
            context.set_default_timeout(15_000)
            page = context.new_page()
            page.on("console", lambda said: self._heard(said.type, said.text, page.url))
            page.on("pageerror", lambda error: self._heard("error", str(error), page.url))
            self.windows[who] = page
        return self.windows[who]

    def _heard(self, kind, text, url):
        """A refusal is no complaint: it is shown on the page. What the policy of a page forbids is one."""
        if kind in ("error", "warning") and "the server responded with a status of 4" not in text:
            self.complaints.append((url, text))

    def go(self, who, path):
        page = self.window(who)
        page.goto(self.address + path)
        return page

    def picture(self, who, name, *, whole=True):
        """Of the whole page, or of what a window shows."""
        if self.pictures:
            self.window(who).evaluate("scrollTo(0, 0)")
            self.window(who).screenshot(path=self.pictures / f"{name}.png", full_page=whole)

    def close(self):
        for page in self.windows.values():
            page.context.close()

    # --- what people do

    def enter(self, who, link):
        """Take up an invitation."""
        page = self.window(who)
        page.goto(link)
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Enter").click()
        page.get_by_role("heading", level=1).wait_for()
        return page

    def invite(self, owner, who, role, signs=""):
        page = self.go(owner, "/people")
        page.get_by_role("textbox", name="Name").fill(who)
        page.get_by_role("combobox", name="Role").select_option(role)
        page.get_by_label("Other roles of gates").fill(signs)
        page.get_by_role("button", name="Invite").click()
        return page.get_by_label("Link").input_value()

    def token(self, who):
        """A token with which a program acts for this person."""
        page = self.go(who, "/account")
        page.get_by_label("What for").fill("a program")
        page.get_by_role("combobox", name="Role").select_option("contributor")
        page.get_by_role("button", name="Make it").click()
        return page.get_by_label("Token").input_value()

    def sign(self, who, release, reason=""):
        page = self.go(who, "/")
        page.get_by_role("link", name=f"Sign {release}").click()
        form = page.locator("form[action$='/sign']")
        form.get_by_label("Why").fill(reason)
        form.get_by_role("button", name="Sign").click()
        page.get_by_role("status").filter(has_text=f"{who} signed").wait_for()


def begin(story, link):
    """The first owner, and who is invited: ada makes models, ben and cleo sign."""
    story.enter("owner", link)
    for who, role, signs in (
        ("ada", "contributor", ""),
        ("ben", "viewer", "model-owner"),
        ("cleo", "viewer", "operations"),
    ):
        story.enter(who, story.invite("owner", who, role, signs))
    story.go("owner", "/people")
    story.picture("owner", "people")


def propose(story):
    """cleo, who answers for operations, wants a small model; its owner agrees; from then on the gate asks for it."""
    page = story.go("cleo", "/requirements")
    form = page.locator("form[action='/requirements']")
    form.get_by_role("combobox", name="Where").select_option("gate.production")
    form.get_by_role("combobox", name="What is measured").select_option("size_mb")
    form.get_by_role("combobox", name="How").first.select_option("<=")
    form.get_by_role("textbox", name="How much").fill("5")
    page.locator("#checked code").filter(has_text="size_mb <= 5").wait_for()
    form.get_by_label("Why").fill("It has to fit beside the others on the small machines.")
    story.picture("cleo", "requirements")
    form.get_by_role("button", name="Propose").click()
    page.get_by_role("status").filter(has_text="proposal 1 is made").wait_for()
    page = story.go("ben", "/requirements/1")
    page.get_by_label("Why").fill("They have to.")
    story.picture("ben", "proposal")
    page.get_by_role("button", name="Accept").click()
    page.get_by_text("committed", exact=True).first.wait_for()


def run(story):
    """A run, with its log while it goes."""
    page = story.go("ada", "/runs")
    page.get_by_text("Start a run").click()
    page.get_by_role("button", name="Walk the line").click()
    page.get_by_text("Job", exact=True).wait_for()
    assert "/runs/jobs/" in page.url
    page.get_by_text("done", exact=True).first.wait_for(timeout=120_000)
    story.picture("ada", "run")


def discuss(story):
    """ben asks, ada hears of it and answers, ben accepts."""
    page = story.go("ben", "/releases/buys@1")
    panel = page.get_by_role("region", name="Discussion")
    form = panel.locator("form[action='/discussion']")
    form.get_by_label("What do you say?").fill("Is it good enough in **France**? There are fewer rows.")
    form.get_by_role("combobox", name="Tell").fill("ada")
    form.get_by_label("It is a question").check()
    form.get_by_role("button", name="Say it").click()
    page.get_by_text("open question").first.wait_for()
    page = story.go("ada", "/")
    assert page.get_by_role("link", name=re.compile("Inbox")).inner_text().split()[-2:] == ["1", "unread"]
    page.get_by_role("link", name=re.compile("Is it good enough in")).first.click()
    page.get_by_label("What do you say?").fill("It is: see the groups, `roc_auc` is the same in both.")
    page.get_by_role("button", name="Answer").click()
    page = story.go("ben", "/discussion/1")
    page.get_by_role("button", name="Accept as the answer").click()
    page.get_by_text("the answer", exact=True).wait_for()
    story.picture("ben", "discussion")


def decide(story):
    """Two people sign, an owner promotes."""
    story.picture("ben", "home") if story.go("ben", "/") else None
    story.sign("ben", "buys@1", "Both countries are served as well.")
    story.sign("cleo", "buys@1")
    page = story.go("owner", "/releases/buys@1")
    assert page.get_by_text("It may be deployed.").is_visible()
    assert page.get_by_text("size_mb <= 5").first.is_visible()  # as cleo proposed
    story.picture("owner", "release", whole=False)
    page.get_by_text("Promote", exact=True).first.click()
    page.locator("form[action$='/promote']").get_by_label("Why").fill("The first that both countries may ask.")
    page.locator("form[action$='/promote']").get_by_label("Real callers").check()
    page.locator("form[action$='/promote']").get_by_role("button", name="Promote").click()
    page.get_by_role("status").filter(has_text="promoted").wait_for()


def tried(story, who, wanted):
    """Ask by hand until the answer says `wanted`: a release is loaded, or stopped, in a moment."""
    page = story.go(who, "/endpoints/buys")
    page.get_by_label("spent").fill("90.5")
    for _ in range(150):
        with page.expect_response("**/try"):
            page.get_by_role("button", name="Ask", exact=True).click()
        page.locator("#answer > *").first.wait_for()
        if wanted in (said := page.locator("#answer").inner_text()):
            return said
        page.wait_for_timeout(100)
    raise AssertionError(said)


def ask(story, requests=40):
    """Traffic: a row by hand, and a program's. The id of the first."""
    said = tried(story, "ada", "The endpoint answers")
    assert "release:buys@1" in said
    token = story.token("ada")
    api = story.windows["ada"].context.request
    for number in range(requests):
        row = {"country": "DE", "spent": float(number), "age": None}
        headers = {"Authorization": f"Bearer {token}"}
        found = api.post(f"{story.address}/endpoints/buys/predict", data=row, headers=headers)
        assert found.status == 200, found.text()
    for _ in range(50):  # what is logged is written once a second
        page = story.go("owner", "/endpoints/buys/traffic")
        if page.get_by_role("figure").count():
            break
        page.wait_for_timeout(200)
    page = story.go("owner", "/endpoints/buys")
    page.locator("#charts .uplot").first.wait_for()
    story.picture("owner", "endpoint", whole=False)
    return re.search(r"Request\s+(\S+)", said)[1]


def stop(story):
    """Nothing answers any more, and whoever asks hears why."""
    page = story.go("owner", "/endpoints/buys")
    page.get_by_text("Stop", exact=True).click()
    form = page.locator("form[action$='/stop']")
    form.get_by_label("Why").fill("it answers nonsense in Spain")
    form.get_by_label("Callers will get an error").check()
    form.get_by_role("button", name="Stop buys").click()
    page.get_by_role("status").filter(has_text="is stopped").wait_for()
    assert "status 503" in tried(story, "ada", "it answers nonsense in Spain")
    page = story.go("owner", "/")
    assert page.get_by_text("it answers nonsense in Spain").first.is_visible()
    story.picture("owner", "alarm")


def looked_back(story, then, request):
    """What was live while it answered, signed by whom; and the answer that was given by hand, computed again."""
    page = story.go("owner", f"/live?endpoint=buys&at={then.replace(tzinfo=None).isoformat(timespec='milliseconds')}")
    for said in ("release:buys@1", "Both countries are served as well."):
        assert page.get_by_text(said).first.is_visible(), said
    story.picture("owner", "live")
    page = story.go("owner", "/live?endpoint=buys")
    assert page.get_by_text("nobody was answered").is_visible()
    page = story.go("ada", "/live")
    page.get_by_label("Id of the request").fill(request)
    page.get_by_role("button", name="Compute it again").click()
    page.get_by_text("done", exact=True).first.wait_for(timeout=120_000)
    story.picture("ada", "reproduced")
    page = story.go("owner", "/ledger")
    page.get_by_role("heading", level=1).wait_for()


def told(story, link):
    """All of it, in order."""
    begin(story, link)
    propose(story)
    run(story)
    discuss(story)
    decide(story)
    request = ask(story)
    then = datetime.now(UTC)
    stop(story)
    looked_back(story, then, request)
    assert story.complaints == [], story.complaints
