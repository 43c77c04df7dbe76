"""What the network says: the photo, the part of it that was read, five guesses, and the time they took."""

import streamlit as st

from cnnviz.engine.device import describe
from cnnviz.engine.local import Look
from cnnviz.figures import network
from cnnviz.ui.language import _
from cnnviz.ui.network.proofs import answer_proofs
from cnnviz.ui.network.visit import Visit, ink, once


def draw(visit: Visit) -> None:
    lesson, photo, size = visit.lesson, visit.photo, visit.net.card.input_size
    height, width = photo.rgb.shape[:2]
    left, _top, right, _bottom = box = visit.net.crop_box(height, width)
    frame = _("{width} × {height} pixels; the frame holds {side} × {side} of them.")
    frame = frame.format(width=width, height=height, side=right - left)
    read = _("What the network reads: {size} × {size} pixels.").format(size=size)
    seen, said = st.columns(2, gap="medium")
    whole, part = seen.columns([3, 2], gap="small")
    with whole:
        marked = once(lesson, "marked", visit.same, lambda: network.marked(photo.rgb, box))
        lesson.picture(marked, f"{photo.alt} {frame}", caption=frame)
    with part:
        lesson.picture(network.pixels(visit.pixels[0].numpy()), f"{photo.alt} {read}", caption=read)
    if visit.look is not None:
        seen.markdown(f":material/timer: {_took(visit.look)}")
        with said:
            _guesses(visit, visit.look)
        visit.proofs.extend(answer_proofs(visit.look.classification))


def _guesses(visit: Visit, look: Look) -> None:
    """The five most probable classes, and how sure the network is."""
    best = look.classification
    shares = [f"{100 * share:.1f}" for share in best.probabilities]
    listed = ", ".join(f"{name} {share} %" for name, share in zip(best.names, shares, strict=True))
    alt = _("The five most probable classes: {listed}.").format(listed=listed)
    colour = ink()
    figure = once(
        visit.lesson, "bars", (look, colour), lambda: network.bars(best.names, best.probabilities, colour)
    )
    visit.lesson.figure(figure, alt, name="bars")
    words = _(
        "**{share} % sure: {name}.** The first five hold {together} %, the other {others} classes the rest. "
        "Class names are ImageNet's own, in English."
    )
    together = f"{100 * sum(best.probabilities):.1f}"
    others = visit.net.card.classes - len(shares)
    st.markdown(words.format(share=shares[0], name=best.names[0], together=together, others=others))


def _took(look: Look) -> str:
    """Where the time went, and on what."""
    times, device = look.timings, describe(look.device)
    words = _(
        "Crop and scale {preprocess} ms · network **{network} ms** · softmax and fetching the maps "
        "{postprocess} ms · {device}, {chip}"
    ).format(
        preprocess=f"{times.preprocess:.1f}",
        network=f"{times.network:.0f}",
        postprocess=f"{times.postprocess:.1f}",
        device=look.device.upper(),
        chip=device.name,
    )
    if device.cores:
        words += _(", {cores} cores").format(cores=device.cores)
    if look.fell_back:
        words += " · " + _("the device you chose has too little memory left")
    return words
