"""The weekly page with many asks of one owner, names from right to left and a category that is decided no longer."""

import pytest
from stories import Story, caught, half

from harness.report.parts.isolation import isolated
from harness.report.weekly.page import render_page

GOLD = half(60, 60)
ARABIC = "خطاب الكراهية"


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    names = [f"c{at}" for at in range(8)]
    policy = {one: {"name": f"{ARABIC} {one[1]}", "owner": "ana", "target": {"recall": 0.9}} for one in names}
    story = Story(tmp_path_factory.mktemp("shape"), dict.fromkeys(names, GOLD), policy=policy, checks=None)
    for week, decided in (("2026-W43", names), ("2026-W44", names[:-1])):
        story.run({"main": {one: caught(GOLD, 30) for one in decided}}, week=week)
    return render_page(story.weekly(), "none")


def test_the_most_urgent_asks_of_an_owner_stand_open_and_the_others_are_folded(page):
    asks = page[page.index('id="asks"') : page.index('id="for-policy"')]
    assert "more asks of ana" in asks
    before, behind = asks.split('<details class="more">')
    of_owner = before[before.index("<h4>ana</h4>") :]
    assert of_owner.count('class="due') == 4
    assert behind[: behind.index("more asks")].split(">")[-1].strip() == str(
        behind.split("<h4>")[0].count('class="due')
    )


def test_a_figure_of_an_earlier_week_is_not_called_the_one_of_now(page):
    assert f"<bdi>{ARABIC} 7</bdi>: not measured in W44, 50.0% in W43" in page
    assert f"<bdi>{ARABIC} 7</bdi>: steady" not in page
    assert f"<bdi>{ARABIC} 6</bdi>: steady, 50.0% now, below target" in page


def test_a_name_from_right_to_left_is_isolated_in_text_alone():
    held = f'<script>"{ARABIC}"</script><p title="{ARABIC}">a</p>'
    assert isolated(held, [ARABIC]) == held
    drawn = f"<title>{ARABIC}</title><svg><text>{ARABIC}</text></svg>"  # these know no elements
    assert isolated(drawn, [ARABIC]) == drawn.replace(ARABIC, f"\u2068{ARABIC}\u2069")
    assert isolated(f"<p>{ARABIC} 2 {ARABIC}</p>", [ARABIC, f"{ARABIC} 2"]) == (
        f"<p><bdi>{ARABIC} 2</bdi> <bdi>{ARABIC}</bdi></p>"
    )
    assert isolated("<p>Hate &lt; 2</p>", ["Hate"]) == "<p>Hate &lt; 2</p>"
