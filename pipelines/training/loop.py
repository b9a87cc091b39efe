"""The loop: step after step, with what is watched, written down and saved on the way."""

from __future__ import annotations

import math
import time
from pathlib import Path
from typing import Any

from desdecero.pipelines.common.errors import EXIT_USER_ERROR
from desdecero.pipelines.common.progress import progress
from desdecero.pipelines.common.signals import stop_signals
from desdecero.pipelines.run.run_dir import RunDir
from desdecero.pipelines.training.checkpoints import Checkpoints, load_checkpoint, moved_since
from desdecero.pipelines.training.devices.processes import agreed
from desdecero.pipelines.training.model.optimizers import learning_rate_factor, set_learning_rate
from desdecero.pipelines.training.plan import Plan, revise
from desdecero.pipelines.training.trainer import Training
from desdecero.pipelines.training.watch.early_stop import EarlyStop
from desdecero.pipelines.training.watch.energy import EnergyMeter
from desdecero.pipelines.training.watch.loss_spikes import Guard
from desdecero.pipelines.training.watch.metrics import Metrics
from desdecero.pipelines.training.watch.samples import Sampler
from desdecero.pipelines.training.watch.throughput import Throughput

LOGGED_STEPS = 1000  # lines of metrics.jsonl that a long run is thinned to


class Loop:
    """A training from where it stands to its end; one in each process. `start`, then `run`."""

    def __init__(
        self, training: Training, plan: Plan, checkpoints: Checkpoints, meter: EnergyMeter, sampler: Sampler | None,
        out: RunDir,
    ):  # fmt: skip
        self.training, self.plan, self.checkpoints, self.out = training, plan, checkpoints, out
        self.meter, self.sampler = meter, sampler
        self.wanted = training.recipe.pretrain
        self.first = training.accelerator.is_main_process
        self.optimizers = training.new_optimizers()
        self.bare = [optimizer.optimizer for optimizer in self.optimizers]  # what checkpoints hold, unwrapped
        self.guard, self.early_stop = Guard(self.wanted.stability), EarlyStop(self.wanted.early_stop)
        self.pace = Throughput(training)
        self.step = 0
        self.setup_seconds = 0.0
        """Before the first step, in all starts."""
        self.resumed_at: list[dict[str, Any]] = []
        self.log_every = max(1, plan.probed_steps // LOGGED_STEPS)

    def start(self, found: tuple[Path, dict[str, Any]] | None, started: float) -> None:
        """Go on from a checkpoint; or begin, with a validation and a checkpoint to roll back to. `started`: when the
        stage did, by `time.perf_counter`."""
        if found:
            self._load(*found)
        self.metrics = Metrics(self.out.metrics, self.first, self.step, self.training.accelerator.log)
        self.samples = Metrics(self.out.samples, self.first and self.sampler is not None, self.step)
        self.pace.begin(self.step)
        if self.step == 0:
            held_out = self.training.validation_loss(self.plan.validation_sequences)
            self.metrics.write(step=0, tokens=0, validation_loss=held_out)
            self._save()
        elif found and self.first:
            moved = moved_since(found[1]["trained_on"], self.training.whereabouts())
            print(f"pretrain   going on from step {self.step:,} of {self.plan.steps:,}{moved}", flush=True)
        self.saved = time.perf_counter()
        self.setup_seconds += self.saved - started
        self.pace.begin(self.step)

    @property
    def over(self) -> bool:
        return self.step >= self.plan.steps or self.early_stop.because is not None

    def run(self) -> None:
        """Train to the end. Raises `KeyboardInterrupt`, all saved, where the process was asked to stop."""
        bar = progress(title="pretrain", total=self.plan.steps, unit="step")
        bar.update(self.step)
        with stop_signals() as asked:
            while not self.over:
                if self.step == self.plan.revise_at:
                    self.plan = revise(self.plan, self.training, self.out, self.setup_seconds, self.pace.elapsed)
                    bar.total = self.plan.steps
                loss = self._take_step()
                bar.update()
                bar.set_postfix(
                    {"loss": f"{loss:.3f}", "tokens/s": self.pace.now(self.step)["tokens_per_second"]}, False
                )
                best = self._validate() if self._validation_is_due() else False
                self._save_if_due(best, asked())
        bar.close()
        self.pace.stop()
        self._return_to_best()

    def _take_step(self) -> float:
        """Train on the next batch, unless that would harm; returns its loss."""
        schedule = learning_rate_factor(self.wanted.schedule, self.plan.probed_steps)
        set_learning_rate(self.optimizers, schedule(self.plan.place(self.step)))
        loss, norm = self.training.gradients(self.step)
        refusal = self.guard.refusal(loss, norm)
        self.training.update(self.optimizers, refused=refusal is not None)
        self.step += 1
        if refusal:
            self.metrics.write(step=self.step, skipped=refusal)
        if trouble := self.guard.trouble():
            self._roll_back(trouble)
        if not refusal and (self.step % self.log_every == 0 or self.step == self.plan.steps):
            self._log(loss, norm)
        return loss

    def _log(self, loss: float, norm: float) -> None:
        self.metrics.write(
            step=self.step, tokens=self.tokens, seconds=round(self.pace.elapsed, 3), loss=loss, gradient_norm=norm,
            learning_rate=self.optimizers[-1].param_groups[0]["lr"], **self.pace.now(self.step),
        )  # fmt: skip

    @property
    def tokens(self) -> int:
        """Seen so far."""
        return self.step * self.training.tokens_per_step

    def _roll_back(self, trouble: str) -> None:
        """Put weights and optimisers back to an earlier checkpoint, in all processes."""
        nothing_left = self.step == self.plan.steps <= self.wanted.stability.return_every  # but the first weights
        to = self.guard.target(self.step, trouble, last=nothing_left)
        self.metrics.write(step=self.step, rolled_back_to=to, because=trouble)
        self.guard.go_back(self._go_to(to)["guard"])
        if self.first:
            print(f"pretrain   back to the weights of step {to:,}, on with the data that comes next", flush=True)

    # --- validation ------------------------------------------------------------------------------------------

    def _validation_is_due(self) -> bool:
        return self.step % self.plan.validate_every == 0 or self.step == self.plan.steps

    def _validate(self) -> bool:
        """Score held-out text; whether these weights are the best so far, and early stop wants to know."""
        held_out = self.training.validation_loss(self.plan.validation_sequences)
        best = self.early_stop.note(self.step, held_out)
        if math.isfinite(held_out):
            self.metrics.write(step=self.step, tokens=self.tokens, validation_loss=held_out)
        elif self.over:
            self.guard.target(self.step, "the held-out loss is not finite", last=True)
        if self.early_stop.because and self.first:
            print(f"pretrain   stopped early at step {self.step:,}: {self.early_stop.because}", flush=True)
        self._sample()
        self.training.peak.sample()
        return best

    def _sample(self) -> None:
        """Let the model write, as often as the recipe wants; in all processes, for a model may be spread over them."""
        if not self.sampler:
            return
        number = self.step // self.plan.validate_every
        if self.over or number % self.sampler.wanted.every == 0:
            for sample in self.sampler():
                self.samples.write(step=self.step, tokens=self.tokens, **sample)

    def _return_to_best(self) -> None:
        """Early stop keeps the weights with the lowest held-out loss, whether it had to stop or not."""
        best = self.early_stop.best[-1:]
        if best and best != [self.step]:
            self._go_to(best[0])

    # --- checkpoints -----------------------------------------------------------------------------------------

    def _save_if_due(self, best: bool, asked: bool) -> None:
        due, stopping, failed = agreed(
            self.training.accelerator,
            self.first
            and self.checkpoints.due(self.step, time.perf_counter() - self.saved, self.wanted.checkpoint_minutes),
            asked,
            self.checkpoints.failed(),
        )
        if failed:  # `wait` tells why, in the process that writes; the others need not repeat it
            self.checkpoints.wait()
            raise SystemExit(EXIT_USER_ERROR)
        if due or stopping or best or self.over:
            self._save()
        if stopping and not self.over:
            self.checkpoints.wait()
            raise KeyboardInterrupt

    def _save(self) -> None:
        if not (self.first or self.training.sharded):
            return
        self.checkpoints.pinned = tuple(self.early_stop.best)
        state = {
            "setup_seconds": self.setup_seconds, "resumed_at": self.resumed_at,
            "trained_on": self.training.whereabouts(), "guard": self.guard.state(),
            "early_stop": self.early_stop.state(), "pace": self.pace.state(), "energy": self.meter.state(),
        }  # fmt: skip
        self.checkpoints.save(self.step, self.training.model, self.bare, state)
        self.saved = time.perf_counter()

    def _load(self, path: Path, state: dict[str, Any]) -> None:
        load_checkpoint(path, self.training.model, self.bare)
        self.step, self.setup_seconds = state["step"], state["setup_seconds"]
        self.resumed_at = [*state["resumed_at"], {"step": self.step, **self.training.whereabouts()}]
        self.guard.load(state["guard"])
        self.early_stop.load(state["early_stop"])
        self.pace.load(state["pace"])
        self.meter.load(state["energy"])

    def _go_to(self, step: int) -> dict[str, Any]:
        """Load the weights and optimisers of an earlier checkpoint, in all processes; returns its state."""
        self.checkpoints.wait()
        self.training.accelerator.wait_for_everyone()
        path, state = self.checkpoints.at(step)
        load_checkpoint(path, self.training.model, self.bare)
        return state
