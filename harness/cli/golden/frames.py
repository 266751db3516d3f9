"""``harness golden frames``: items made of clips."""

from __future__ import annotations

from pathlib import Path

import click

from harness.cli.finite import FiniteRange
from harness.cli.options import FILE, json_option, note, print_json
from harness.errors import GroupedError


@click.command("frames")
@click.argument("clips", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@click.option("--to", "items", type=FILE, required=True,
              help="Items file (.jsonl) that the clips are added to; frames go beside it.")  # fmt: skip
@click.option("--most", type=click.IntRange(1, 64), default=8, show_default=True, help="Most frames of one clip.")
@click.option("--every", type=FiniteRange(min=0.5), default=10.0, show_default=True,
              help="Seconds of one scene that one frame may stand for.")  # fmt: skip
@click.option("--speech", default="base", show_default=True, metavar="MODEL",
              help="Whisper model: a folder, a name, or none to leave speech out.")  # fmt: skip
@click.option("--screen/--no-screen", default=True, show_default=True, help="Read what is written on the frames.")
@json_option
def command(
    clips: tuple[Path, ...], items: Path, most: int, every: float, speech: str, screen: bool, as_json: bool
) -> None:
    """Make items of clips: key frames, what is said, what stands on the screen.

    CLIPS are video files or folders of them. Frames are chosen by scene and kept as JPEG, speech is written down with
    its seconds, texts on the frames are read. Nothing leaves this machine. A clip that is in the items already is not
    read again, so the same command goes on after a stop. Needs the extra: pip install 'moderation-harness[video]'.

    \b
    Examples:
      harness golden frames clips/ --to golden_sets/clips_v1.jsonl
      harness golden frames a.mp4 b.mp4 --to pool.jsonl --most 4 --speech none
    """
    from harness.goldens.clips.items import Readers, add_clips, clips_in
    from harness.goldens.clips.screen import Screen
    from harness.goldens.clips.speech import Speech

    found = clips_in(clips)
    readers = Readers(most, every, None if speech == "none" else Speech(speech), Screen() if screen else None)
    made = add_clips(found, items, readers, lambda path, left: note(f"{left:,} left: {path.name}"))
    parts = ["frames", *(["transcript"] * (speech != "none")), *(["ocr"] * screen)]
    if as_json:
        print_json({
            "items": str(items), "new": made.n_new, "known": made.n_known,
            "failed": [{"clip": one.path, "why": one.found} for one in made.failed],
        })  # fmt: skip
    else:
        known = f", {made.n_known:,} were there already" if made.n_known else ""
        click.echo(f"{made.n_new:,} of {len(found):,} clips added to {items}{known}")
        click.echo(f"\nIn the card:    modalities: {{{', '.join(f'{part}: {part}' for part in parts)}}}")
        click.echo("In the prompt:  media: [frames]")
    if made.failed:
        raise made.failed[0] if len(made.failed) == 1 else GroupedError(made.failed)
