# fgit with the extras `all` and `vllm` (EXTRAS=all,vllm; neither `gpu` nor `bigcodebench` is in `all`), on a CUDA machine:
#   docker build -t fgit .   then   docker run --gpus all -v "$PWD:/data" fgit --help
# Other extras, for training and every task: docker build --build-arg EXTRAS=all,gpu,bigcodebench -t fgit .
# eval's sandbox needs user namespaces: add --security-opt seccomp=unconfined, or state --isolation container.
FROM nvidia/cuda:12.8.1-devel-ubuntu24.04
ARG EXTRAS=all,vllm

RUN apt-get update \
 && apt-get install --yes --no-install-recommends python3.12 python3.12-venv python3.12-dev git g++ \
 && rm -rf /var/lib/apt/lists/*

WORKDIR /opt/fgit
COPY . .
RUN PYTHON=python3.12 .ci/install-extras .venv "$EXTRAS"
ENV PATH="/opt/fgit/.venv/bin:$PATH"

WORKDIR /data
ENTRYPOINT ["fgit"]
