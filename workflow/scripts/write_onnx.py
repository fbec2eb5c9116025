"""Write a trained network as an ONNX file."""

import torch

from aisi.onnx_export import export_onnx
from aisi.predict import load_model
from aisi.progress import log_to


def main(model_path, threads, onnx_path):
    """The network runs on the CPU, since the file is compared with it there."""
    export_onnx(load_model(model_path, threads, torch.device("cpu")), onnx_path)


if "snakemake" in globals():
    with log_to(snakemake.log[0]):
        main(
            model_path=snakemake.input.model,
            threads=snakemake.threads,
            onnx_path=snakemake.output.onnx,
        )
