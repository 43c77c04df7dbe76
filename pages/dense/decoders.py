"""Decoders: an autoencoder with each operator, the map of its codes, FCN's skips, U-Net's sizes, DeconvNet's indices."""

from cnnviz.ui.decoders import autoencoder, deconvnet, fcn, latent, unet
from cnnviz.ui.language import _
from cnnviz.ui.lesson import open_lesson

lesson = open_lesson("decoders")
views = {
    "operators": (_("Each operator in turn"), autoencoder),
    "codes": (_("The map of codes"), latent),
    "fcn": (_("FCN's skips"), fcn),
    "unet": (_("U-Net's sizes"), unet),
    "deconvnet": (_("DeconvNet's indices"), deconvnet),
}
chosen = lesson.choice(
    "view", _("View"), {name: title for name, (title, _view) in views.items()}, "operators"
)
views[chosen][1].draw(lesson)
