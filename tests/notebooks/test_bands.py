"""What the notebooks claim in numbers is still so: every result of a run of the committed notebooks is in its band."""

from tools import bands, chapter


def test_results_are_in_their_bands(given, results):
    assigned = chapter.parameters(chapter.read_notebook(given))
    judged = bands.judge(given.number, results(given), assigned.get("PROFILE"), assigned.get("SOURCE"))
    assert not [str(one) for one in judged if not one.ok]
