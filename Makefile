# The two commands of the README, and the checks behind them.
#   make run      install, and train a model from scratch on the documentation on this machine
#   make test     install, and run every test and check
#   make bench    what the choices of the training loop cost and bring on this machine
#   make bench-train     the same trained by transformers.Trainer: speed, loss in a given time, peak memory
#   make bench-finetune  adapters by our loop and by peft with transformers.Trainer: speed, memory; laws with replay
#   make bench-tokenizer  training and encoding against rustbpe, tokenizers and datasets
#   make bench-eval      scoring of texts against lm-eval and minicons: speed, and the same numbers
#   make bench-audits    index against tokengrams, paired sentences against minicons, EsBBQ against lm-eval
#   make bench-corpus    the corpus stage against datatrove: speed, recall of duplicates, peak memory

VENV := .venv
BIN := $(VENV)/bin
TYPES := build/types/desdecero
PYTHON ?= python3

.PHONY: run test check lint types tests bench bench-train bench-finetune bench-tokenizer bench-eval bench-audits bench-corpus clean

run: $(VENV)/installed
	$(BIN)/desdecero run quickstart

# mypy, which computes on one core, goes with the tests.
test: lint
	$(MAKE) --jobs 2 types tests

check: lint types

lint: $(VENV)/installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/installed-dev
	mkdir -p $(TYPES)
	ln -sfn $(addprefix ../../../,desdecero/__init__.py desdecero/py.typed app eval_suites model_cards pipelines) $(TYPES)
	$(BIN)/mypy

# Many tests wait for processes of their own: one worker more than cores, and none of them computes on several.
# They take the files in the order of tests/conftest.py: those with the most slow tests first. Each compiles the tests,
# and each process that they start the project, unless one of them may write down what it compiled.
tests: $(VENV)/installed-dev
	env --unset PYTHONDONTWRITEBYTECODE OMP_NUM_THREADS=1 $(BIN)/python -m pytest \
		--numprocesses $$(($$(nproc) + 1)) --dist loadfile --no-loadscope-reorder

bench: $(VENV)/installed-dev
	$(BIN)/python tests/benchmarks/bench_training.py

bench-train: $(VENV)/installed-dev
	$(BIN)/python tests/benchmarks/bench_train.py

bench-finetune: $(VENV)/installed-dev
	$(BIN)/python tests/benchmarks/bench_finetune.py

bench-tokenizer: $(VENV)/installed-dev
	$(BIN)/python -m pip install --quiet --editable '.[bench]'
	$(BIN)/python tests/benchmarks/bench_tokenizer.py

bench-eval: $(VENV)/installed-dev
	$(BIN)/python -m pip install --quiet --editable '.[bench]'
	OMP_NUM_THREADS=1 TQDM_DISABLE=1 $(BIN)/python tests/benchmarks/bench_eval.py

RUN ?= runs/quickstart

bench-audits: $(VENV)/installed-dev
	$(BIN)/python -m pip install --quiet --editable '.[bench]'
	OMP_NUM_THREADS=1 TQDM_DISABLE=1 $(BIN)/python tests/benchmarks/bench_audits.py $(RUN)

bench-corpus: $(VENV)/installed-dev
	$(BIN)/python -m pip install --quiet --editable '.[bench]'
	$(BIN)/python tests/benchmarks/bench_corpus.py
	$(BIN)/python tests/benchmarks/bench_corpus.py --memory 100 500

$(VENV)/installed: pyproject.toml
	@echo "installing into $(VENV): a few minutes, once"
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --editable .
	touch $@

$(VENV)/installed-dev: pyproject.toml
	@echo "installing into $(VENV), with what the tests need: a few minutes, once"
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --editable '.[dev]'
	touch $(VENV)/installed $@

clean:
	rm -rf $(VENV)
