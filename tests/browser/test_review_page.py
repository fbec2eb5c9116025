"""The review page in a real browser: opened from disk, used by keyboard, saved, and the file taken up by the solver."""

import numpy as np
import pytest

from aisi.formats.graph import read_graph
from aisi.formats.scores import read_scores
from aisi.formats.tags import read_tags
from aisi.partition.overrides import OverrideError, read_overrides
from repeated import write_repeated
from small_run import CATEGORIES, SmallRun

SHOWN = "return [...document.querySelectorAll('.row')].sort((a, b) => a.dataset.position - b.dataset.position)"
STATE = (
    "return {chosen, place, order: [...order], decided: [...decided], tags: Array.from(decided, (_, i) => tagOf(i))}"
)


@pytest.fixture
def page(chromium, run):
    """The run's page, opened for the first time, as wide as a screen."""
    chromium.look(1280, 800)
    chromium.open(run.page)
    chromium.execute_script("localStorage.clear()")
    chromium.open(run.page)
    return chromium


@pytest.fixture
def tags(run):
    return read_tags(run.tags)


def state(page):
    return page.execute_script(STATE)


def counter(page):
    return page.execute_script("return document.getElementById('counter').textContent")


def message(page):
    return page.execute_script("const m = document.getElementById('message'); return m.hidden ? '' : m.textContent")


def choose(page, name, value):
    """Choose an option as a user does: the list's value and its event."""
    page.execute_script(
        "const field = document.getElementById(arguments[0]); field.value = arguments[1];"
        "if (field.value !== arguments[1]) throw new Error('no such option');"
        "field.dispatchEvent(new Event(field.tagName === 'SELECT' ? 'change' : 'input'))",
        name,
        value,
    )
    return state(page)["order"]


def problems(page):
    """What the browser complains of."""
    return [entry["message"] for entry in page.get_log("browser")]


def test_opens_from_disk(page, run, tags):
    order = state(page)["order"]
    assert sorted(order) == list(range(len(tags)))
    assert page.execute_script("return location.protocol") == "file:"
    assert (
        page.execute_script("return document.getElementById('title').textContent")
        == "Review: <script>alert(1)</script>"
    )
    words = page.execute_script(SHOWN + "[0].textContent")
    first = tags.iloc[order[0]]
    assert first["tag"] in words and run.image_id(order[0] // 2) in words and CATEGORIES[1] in words
    assert page.execute_script("return document.querySelectorAll('b b, i, .row script').length") == 0
    images = "return [...document.querySelectorAll('image')].map((image) => new URL(image.href.baseVal, location).href)"
    for address in set(page.execute_script(images)):
        assert page.execute_script(
            "const image = new Image(); image.src = arguments[0]; return image.decode().then(() => image.width)",
            address,
        )
    assert problems(page) == []


def test_the_detail_tells_what_is_known(page, run, tags):
    i = state(page)["chosen"]
    words = page.execute_script("return document.getElementById('detail').textContent")
    assert f"instance {tags['instance_id'][i]}" in words and f"{tags['score'][i]:.2f}" in words
    attention = read_scores(run.scores, rows=None).scores[2 * i : 2 * i + 2]
    assert all(f"attention {p:.2f}" in words for p in attention)
    near = page.execute_script("return [...document.querySelectorAll('.near li')].map((item) => item.textContent)")
    edges = read_graph(run.graph, rows=None)
    ends = {
        int(other): w
        for (a, b), w in zip(edges.edges, edges.weights, strict=True)
        for other in {a, b} - {i}
        if i in (a, b)
    }
    expected = sorted(ends, key=lambda other: (-ends[other], other))
    assert [text.split("cosine")[0] for text in near] == [tags["tag"][other] for other in expected]
    page.execute_script("document.querySelector('.near button').click()")
    assert state(page)["chosen"] == expected[0]
    outlines = page.execute_script(
        "return [...document.querySelectorAll('#detail .whole path')].map((path) => path.getTotalLength())"
    )
    assert len(outlines) == 3 and min(outlines) > 100


@pytest.mark.parametrize(
    ("sort", "column", "ascending"),
    [("margin", "margin", True), ("margin-down", "margin", False), ("score", "score", True)],
)
def test_sorts(page, tags, sort, column, ascending):
    order = choose(page, "sort", sort)
    values = tags[column].to_numpy()[order]
    known = values[~np.isnan(values)]
    assert np.array_equal(known, np.sort(known)[:: 1 if ascending else -1]) and len(known) > 10
    assert np.isnan(values[len(known) :]).all()


def test_sorts_by_size(page, tags):
    areas = ((tags["x1"] - tags["x0"]) * (tags["y1"] - tags["y0"])).to_numpy()
    assert np.all(np.diff(areas[choose(page, "sort", "size")]) >= 0)
    assert np.all(np.diff(areas[choose(page, "sort", "size-down")]) <= 0)


def test_filters(page, run, tags):
    def there(mask):
        return sorted(np.flatnonzero(mask).tolist())

    for value, label in (("0", 0), ("1", 1), ("2", 2)):
        assert sorted(choose(page, "tag", value)) == there(tags["label"] == label)
    assert sorted(choose(page, "tag", "some")) == there(tags["label"] > 0)
    assert f"{(tags['label'] > 0).sum()} of {len(tags)}" in page.execute_script(
        "return document.getElementById('shown').textContent"
    )
    choose(page, "tag", "")
    assert len(choose(page, "keyword", "2")) == len(tags)
    assert choose(page, "several", "one") == []
    assert "No instance matches" in page.execute_script("return document.getElementById('rows').textContent")
    page.press("1", "n", "Down", "Enter")
    assert counter(page) == "0 changed"
    page.execute_script("document.getElementById('clear').click()")
    page.until("return order.length === N")
    assert sorted(choose(page, "photo", '3, <i>"写')) == there(tags["image_id"] == run.image_id(3))


def test_photos_with_a_gap(page, run, tags):
    """Two keywords a photo: a gap is a keyword that neither instance has."""
    labels = tags["label"].to_numpy().reshape(-1, 2)
    gap = np.repeat([set(own) != {1, 2} for own in labels.tolist()], 2)
    assert 0 < gap.sum() < len(gap)
    assert sorted(choose(page, "gap", "keyword")) == np.flatnonzero(gap).tolist()
    words = page.execute_script("return document.querySelector('.photo').textContent")
    assert "Keyword without an instance" in words
    assert choose(page, "gap", "all") == np.flatnonzero(np.repeat((labels == 0).all(1), 2)).tolist()
    page.execute_script("document.getElementById('clear').click()")
    page.until("return order.length === N")
    assert not page.execute_script("return document.getElementById('empty').checkVisibility()")


def test_one_photo_with_all_its_tags(page, tags):
    i = state(page)["chosen"]
    photo = [i - i % 2, i - i % 2 + 1]
    words = page.execute_script(
        "return [...document.querySelectorAll('#detail .word')].map((word) => word.textContent)"
    )
    assert sorted(words) == sorted(tags["tag"][photo])
    readable = (
        "const { height } = document.querySelector('#detail .word.own').getBoundingClientRect();"
        "return 14 < height && height < 30"
    )
    assert page.until(readable)
    page.look(390, 800)
    assert page.until(readable)  # after a change of the window the page sizes the words again
    page.look(1280, 800)
    assert page.execute_script("return document.querySelectorAll('.photo li').length") == 2
    page.execute_script("document.querySelector('#detail .outline.other').dispatchEvent(new MouseEvent('click'))")
    assert state(page)["chosen"] == ({*photo} - {i}).pop()
    page.press("n")
    assert state(page)["decided"][({*photo} - {i}).pop()] == 0
    page.press("u")


def test_after_saving_the_page_gives_the_command_of_this_run(page):
    page.press("n", "Control+s")
    assert page.downloaded("overrides.csv").count(b"\n") == 2
    assert message(page).startswith("Saved overrides.csv with 1 tag.")
    page.execute_script("document.querySelector('#message button').click()")
    assert page.execute_script("return document.getElementById('next').open")
    command = page.execute_script("return document.getElementById('command').textContent")
    assert command == "snakemake --cores all masks --directory 'runs/<b>'"
    before = state(page)["decided"]
    page.press("n", "Escape")
    assert state(page)["decided"] == before and not page.execute_script("return document.getElementById('next').open")


def test_the_help_explains_the_words(page):
    page.press("?")
    words = page.execute_script("return document.querySelector('dialog[open]').textContent")
    for word in ("Margin", "Below 0", "Attention", "Graph", "Cosine", "Noisy"):
        assert word in words


def other(state):
    """The keyword's number that the chosen instance does not have, as a key."""
    return "2" if state["tags"][state["chosen"]] == 1 else "1"


def test_corrects_with_the_keyboard(page):
    start = state(page)
    order = start["order"]
    page.press(other(start))
    now = state(page)
    assert now["tags"][order[0]] != start["tags"][order[0]] and now["chosen"] == order[1]
    assert counter(page) == "1 changed, 1 not saved"
    page.press("Enter", "n", "j", "k")
    now = state(page)
    assert now["tags"][order[1]] == start["tags"][order[1]] and now["decided"][order[2]] == 0
    assert now["chosen"] == order[3] and now["order"] == order
    wrong = 2 if start["tags"][order[2]] else 1
    assert counter(page) == f"{wrong} changed, {4 - 1 - wrong} confirmed, 3 not saved"
    page.press("u")
    assert state(page)["chosen"] == order[2] and state(page)["decided"][order[2]] == -1
    page.press("U")
    assert state(page)["decided"][order[2]] == 0
    page.press("k", "Backspace", "Home", "Backspace")
    assert counter(page).startswith("1 ") and counter(page).endswith("1 not saved")
    page.press("Control+z", "Control+z", "Control+z", "u", "u", "u", "u")
    assert state(page)["decided"] == start["decided"] and counter(page) == "0 changed"
    assert page.execute_script("return document.getElementById('undo').disabled")


def test_keys_stay_out_of_the_way_while_typing(page):
    page.press("/", "n", "1")
    assert page.execute_script("return document.getElementById('photo').value") == "n1" and counter(page) == "0 changed"
    page.press("Escape", "?")
    assert page.execute_script("return document.getElementById('keys').open")
    page.press("n", "Escape")
    assert not page.execute_script("return document.getElementById('keys').open")
    page.execute_script("document.getElementById('letters').checked = false")
    page.press("n", "2")
    assert counter(page) == "0 changed"


def test_a_closed_tab_loses_nothing(page, run):
    page.press("n", other(state(page)), "n")
    before = state(page)["decided"]
    warned = "return !dispatchEvent(new Event('beforeunload', {cancelable: true}))"
    assert page.execute_script(warned)
    page.open("/dev/null")
    page.open(run.page)
    assert state(page)["decided"] == before
    assert "3 decisions of your last visit restored, not saved yet" in message(page)
    page.press("Control+s")
    assert page.downloaded("overrides.csv").count(b"\n") == 4
    assert not page.execute_script(warned) and "not saved" not in counter(page)
    page.open(run.page)
    assert state(page)["decided"] == before and message(page) == "" and "not saved" not in counter(page)


def test_the_saved_file_drives_the_solver(chromium, tmp_path):
    """Corrected, saved, solved with, and shown as given before; what was given stays in the next file."""
    own = SmallRun(tmp_path)
    before = own.solve()
    chromium.look(1280, 800)
    chromium.open(own.write_page())
    chromium.execute_script("localStorage.clear()")
    chromium.open(own.page)
    wanted = {}
    for _ in range(3):
        now = state(chromium)
        wanted[now["chosen"]] = int(other(now))
        chromium.press(other(now))
    wanted[state(chromium)["chosen"]] = 0
    chromium.press("n", "Control+s")
    overrides = tmp_path / "overrides.csv"
    overrides.write_bytes(chromium.downloaded("overrides.csv"))
    assert [row.tag for row in read_overrides(overrides)] == [["noisy", *CATEGORIES][wanted[i]] for i in sorted(wanted)]
    assert all(row.box for row in read_overrides(overrides))

    after = own.solve(overrides)
    assert (after["source"] == "override").to_numpy().nonzero()[0].tolist() == sorted(wanted)
    assert {i: after["label"][i] for i in wanted} == wanted
    assert not before["label"].equals(after["label"])

    chromium.open(own.write_page())
    assert counter(chromium) == "0 changed" and message(chromium) == ""
    assert sorted(choose(chromium, "decision", "given")) == sorted(wanted)
    chromium.press("Backspace", "Control+s")
    chosen = state(chromium)["order"][0]
    overrides.write_bytes(chromium.downloaded("overrides.csv"))
    again = own.solve(overrides)
    assert (again["source"] == "override").to_numpy().nonzero()[0].tolist() == sorted(set(wanted) - {chosen})

    overrides.write_text(overrides.read_text().rstrip() + "9\n")  # another box in the last row
    with pytest.raises(OverrideError, match="1 of 3 rows match no instance"):
        own.solve(overrides)


def test_takes_up_a_file_as_spreadsheets_write_it(page, run, tags):
    name = run.image_id(2).replace('"', '""')
    rows = [f'"{name}";0;noisy', f'"{name}";1;{CATEGORIES[0]}', "gone;0;disc", f'"{name}";0;dgo', ";;"]
    text = "\ufeff" + "\r\n".join(["image_id;instance_id;tag", *rows])
    page.execute_script("load('mine.csv', arguments[0])", text)
    assert "mine.csv: read 2 tags, 2 of them new. 2 rows match no instance" in message(page)
    now = state(page)
    assert now["decided"][4:6] == [0, 1] and sum(label >= 0 for label in now["decided"]) == 2
    page.press("u")
    assert counter(page) == "0 changed"
    page.execute_script("load('other.csv', 'image_id,tag\\na,b\\n')")
    assert "image_id, instance_id and tag are needed" in message(page)


@pytest.fixture(scope="session")
def big(tmp_path_factory):
    """A page of 20,000 instances: the small run's, again and again."""
    small = SmallRun(tmp_path_factory.mktemp("big"))
    small.solve()
    return write_repeated(small.write_page().parent, 20000)


def test_twenty_thousand_instances(chromium, big):
    chromium.look(1280, 800)
    chromium.open(big)
    assert chromium.execute_script("return order.length") == 20000
    assert chromium.execute_script("return document.querySelectorAll('.row').length") < 40
    for share in (1, 0.5, 0.123, 0.9, 0):
        seen = chromium.execute_script(
            "const list = document.getElementById('list'); list.scrollTop = arguments[0] * list.scrollHeight;"
            "return new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => {"
            "  const box = list.getBoundingClientRect(), x = box.left + 40;"
            "  const rows = []; for (let y = box.top + 5; y < box.bottom - 5; y += 20)"
            "    rows.push(document.elementFromPoint(x, y)?.closest('.row')?.dataset.position ?? null);"
            "  done(rows); })))",
            share,
        )
        assert None not in seen and len(set(seen)) > 5
    chromium.press("End", "n")
    assert chromium.execute_script("return [place, document.getElementById('counter').textContent]")[0] == 19999
    assert chromium.execute_script("return document.getElementById('row-' + chosen) !== null")
    chromium.press("u", "Home")
    assert chromium.execute_script("return place") == 0


CONTRAST = """
const rgb = (text) => text.match(/[\\d.]+/g).map(Number);
const light = (colour) => colour.slice(0, 3).map((c) => c / 255)
  .map((c) => c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4)
  .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
const behind = (node) => {
  for (let at = node; at; at = at.parentElement) {
    const colour = rgb(getComputedStyle(at).backgroundColor);
    if (colour.length === 3 || colour[3] > 0) return colour;
  }
  return [255, 255, 255];
};
const found = [];
for (const node of document.querySelectorAll('body *')) {
  const text = [...node.childNodes].filter((child) => child.nodeType === 3 && child.data.trim());
  if (!text.length || !node.getClientRects().length || node.disabled || node.closest('svg')) continue;
  const [a, b] = [light(rgb(getComputedStyle(node).color)), light(behind(node))].sort((p, q) => q - p);
  const ratio = (a + 0.05) / (b + 0.05);
  if (ratio < 4.5) found.push([node.tagName, node.className, node.textContent.slice(0, 20), ratio]);
}
return found;
"""


WIDE = """
return [...document.querySelectorAll('body *')].filter((node) => {
  const box = node.getBoundingClientRect();
  return box.width && !node.closest('svg') && (box.right > innerWidth + 1 || box.left < -1);
}).map((node) => node.outerHTML.slice(0, 80));
"""
CUT = """
const detail = document.getElementById('detail'), photo = detail.querySelector('.whole').getBoundingClientRect();
const words = [...detail.querySelectorAll('.whole .word')].filter((word) => {
  const box = word.getBoundingClientRect();
  return box.width < photo.width && (box.left < photo.left - 1 || box.right > photo.right + 1);
});
return [...words.map((word) => word.textContent), ...(detail.scrollWidth > detail.clientWidth ? ['detail'] : [])];
"""
UNNAMED = """
const controls = 'button, select, input:not([hidden]), [role=listbox], [role=option], [role=img]';
const named = (node) => node.getAttribute('aria-label') || node.textContent.trim() || node.labels?.length;
return [...document.querySelectorAll(controls)].filter((node) => !named(node)).map((node) => node.outerHTML);
"""
LISTBOX = """
const list = document.activeElement, row = document.querySelector('[aria-selected=true]');
const of = (name) => list.getAttribute(name);
return [of('role'), of('aria-activedescendant'), row.id, row.getAttribute('aria-setsize')];
"""
FOCUS = "const s = getComputedStyle(document.activeElement); return [s.outlineStyle, parseFloat(s.outlineWidth)]"


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("size", [(1280, 800), (390, 844), (320, 568)], ids=["desk", "phone", "small phone"])
def test_fits_and_can_be_read(page, run, size, dark):
    page.look(*size, dark)
    page.open(run.page)
    page.press("n", "Enter", "k")
    assert page.execute_script("return innerWidth") == size[0]
    assert page.execute_script(WIDE) == []
    for _ in range(4):
        assert page.execute_script(CUT) == []
        page.press("j")
    assert page.execute_script(CONTRAST) == []
    page.execute_script("document.getElementById('panel').open = true; document.getElementById('keys').showModal()")
    assert page.execute_script(CONTRAST) == []
    background = page.execute_script(
        "return getComputedStyle(document.body).backgroundColor.match(/\\d+/g).map(Number)"
    )
    assert (max(background) < 60) == dark
    page.execute_script("localStorage.clear()")


def test_a_screen_reader_hears_names(page):
    assert page.execute_script(UNNAMED) == []
    listbox = page.execute_script(LISTBOX)
    assert listbox[0] == "listbox" and listbox[1] == listbox[2] and listbox[3] == "24"
    assert page.execute_script("return document.getElementById('counter').getAttribute('aria-live')") == "polite"
    outlines = []
    for _ in range(10):
        page.press("Tab")
        outlines.append(page.execute_script(FOCUS))
    assert all(style == "solid" and width >= 2 for style, width in outlines)


def test_focus_stays_on_the_choice(page):
    page.execute_script("document.querySelector('[data-choice=\"0\"]').focus()")
    page.press("Enter", "Enter")
    assert page.execute_script("return document.activeElement.dataset.choice") == "0"
    assert sum(label == 0 for label in state(page)["decided"]) == 2


def test_no_instances(chromium, tmp_path):
    own = SmallRun(tmp_path, n_photos=0)
    own.solve()
    chromium.open(own.write_page())
    assert "There are no instances" in chromium.execute_script("return document.getElementById('list').textContent")
    chromium.press("n", "j", "1", "u", "Enter", "End")
    assert counter(chromium) == "0 changed" and problems(chromium) == []
