"""The loop of all trainings: steps, validation, metrics, samples and checkpoints."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from accelerate import Accelerator
from numpy.typing import NDArray

from desdecero.pipelines.common.errors import EXIT_USER_ERROR
from desdecero.pipelines.common.progress import progress
from desdecero.pipelines.common.signals import stop_signals
from desdecero.pipelines.run.layout import TrainingFiles
from desdecero.pipelines.training.checkpoints import Checkpoints, describe_environment_change, load_checkpoint
from desdecero.pipelines.training.devices.processes import agreed, from_first
from desdecero.pipelines.training.exposure import steps_of_weights
from desdecero.pipelines.training.model.optimizers import learning_rate_factor, set_learning_rate
from desdecero.pipelines.training.plan import agree_on_plan, plan_in_float32, revise
from desdecero.pipelines.training.task import TrainingTask
from desdecero.pipelines.training.watch.early_stop import EarlyStop
from desdecero.pipelines.training.watch.energy import EnergyMeter
from desdecero.pipelines.training.watch.loss_spikes import Guard
from desdecero.pipelines.training.watch.metrics import Metrics
from desdecero.pipelines.training.watch.samples import Sampler
from desdecero.pipelines.training.watch.throughput import Throughput

LOGGED_STEPS = 1000  # lines of metrics.jsonl that a long run is thinned to


class Trainer:
    """Runs a training from its last checkpoint to its end; one in each process.

    files: where it writes plan, metrics and checkpoints; with None it keeps nothing, cannot be resumed, and refuses no
    step, for there is nothing to go back to. made_from: what its checkpoints are held to, see `identity`. started: when
    the stage did, by `time.perf_counter`. anyway: see `make_plan`.
    """

    def __init__(
        self,
        task: TrainingTask,
        accelerator: Accelerator,
        files: TrainingFiles | None = None,
        made_from: dict[str, Any] | None = None,
        *,
        started: float | None = None,
        meter: EnergyMeter | None = None,
        sampler: Sampler | None = None,
        anyway: bool = False,
    ):
        settings, self.first = task.settings, accelerator.is_main_process
        self.task, self.files, self.settings, self.sampler = task, files, settings, sampler
        self.meter, self.started = meter or EnergyMeter(None), time.perf_counter() if started is None else started
        self.checkpoints: Checkpoints | None = None
        checkpoint = None
        if files:
            self.checkpoints = Checkpoints(
                files.checkpoints,
                made_from or {},
                settings.keep_checkpoints,
                settings.keep_every_steps,
                settings.stability.return_every,
                self.first,
                task.section,
            )
            checkpoint = from_first(accelerator, self.checkpoints.newest)
            resumed = checkpoint is not None
            self.plan, self.replica = agree_on_plan(task, accelerator, files.plan, self.started, resumed, anyway)
        else:
            self.plan, self.replica = plan_in_float32(task, accelerator)
        self.optimizers = self.replica.new_optimizers()
        self.unwrapped = [optimizer.optimizer for optimizer in self.optimizers]  # what checkpoints hold
        self.schedule = learning_rate_factor(settings.schedule, self.plan.probed_steps)
        self.guard, self.early_stop = Guard(settings.stability, task.rate_keys), EarlyStop(settings.early_stop)
        self.pace = Throughput(self.replica)
        self.step = 0
        self.saved = self.started
        self.setup_seconds = 0.0
        """Before the first step, in all starts."""
        self.resumed_at: list[dict[str, Any]] = []
        self.log_every = max(1, self.plan.probed_steps // LOGGED_STEPS)
        if checkpoint:
            self._load(*checkpoint)
        writes = self.first and files is not None
        self.metrics = Metrics(files.metrics if files else None, writes, self.step, accelerator.log)
        self.samples = Metrics(files.samples if files else None, writes and sampler is not None, self.step)

    @property
    def over(self) -> bool:
        """True after the last step, or when early stop ends training."""
        return self.step >= self.plan.steps or self.early_stop.because is not None

    def run(self) -> None:
        """Train to the end. Raises `KeyboardInterrupt`, with a checkpoint saved, if the process was asked to stop."""
        self._begin()
        bar = progress(title=self.task.title or self.task.section, total=self.plan.steps, unit="step")
        bar.update(self.step)
        with stop_signals() as asked:
            while not self.over:
                if self.files and self.step == self.plan.revise_at:
                    spent = self.setup_seconds, self.pace.elapsed
                    self.plan = revise(self.plan, self.replica, self.files.plan, *spent)
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

    def finish(self, keep_last: bool = True) -> None:
        """Wait until the last checkpoint is on the disk; keep it, or delete all."""
        if self.checkpoints and keep_last:
            self.checkpoints.finish()
        elif self.checkpoints:
            self.checkpoints.remove()

    def _begin(self) -> None:
        """At the first start, validate and save a checkpoint to roll back to."""
        self.pace.begin(self.step)
        if self.step == 0:
            if self.task.validation_data:
                validation_loss = self.replica.validation_loss(self.plan.validation_sequences)
                self.metrics.write(step=0, tokens=0, validation_loss=validation_loss)
            self._save()
        self.saved = time.perf_counter()
        self.setup_seconds += self.saved - self.started
        self.pace.begin(self.step)

    def _take_step(self) -> float:
        """Train on the next batch, unless its step is refused; return its loss."""
        set_learning_rate(self.optimizers, self.schedule(self.plan.place(self.step)))
        loss, norm = self.replica.gradients(self.step)
        refusal = self.guard.refusal(loss, norm) if self.checkpoints else None
        self.replica.update(self.optimizers, refused=refusal is not None)
        self.step += 1
        if refusal:
            self.metrics.write(step=self.step, skipped=refusal)
        if self.checkpoints and (trouble := self.guard.trouble()):
            self._roll_back(trouble)
        if not refusal and (self.step % self.log_every == 0 or self.step == self.plan.steps):
            self._log(loss, norm)
        return loss

    def _log(self, loss: float, norm: float) -> None:
        self.metrics.write(
            step=self.step,
            tokens=self.tokens,
            seconds=round(self.pace.elapsed, 3),
            loss=loss,
            gradient_norm=norm,
            learning_rate=self.optimizers[-1].param_groups[0]["lr"],
            **self.pace.now(self.step),
        )

    def steps_of_weights(self, lines: Sequence[Mapping[str, Any]]) -> NDArray[np.int64]:
        """Return the steps, counted from 0, whose updates are in the final weights. lines: of the metrics."""
        kept = self.early_stop.best[-1] if self.early_stop.best else self.step
        refused = (line["step"] - 1 for line in lines if "skipped" in line)
        return steps_of_weights(kept, self.guard.rolled_back, refused)

    @property
    def tokens(self) -> int:
        """Tokens trained on so far."""
        return self.step * self.task.tokens_per_step

    def _roll_back(self, trouble: str) -> None:
        """Put weights and optimizers back to an earlier checkpoint, in all processes."""
        nothing_left = self.step == self.plan.steps <= self.settings.stability.return_every  # but the first weights
        to = self.guard.target(self.step, trouble, last=nothing_left)
        self.metrics.write(step=self.step, rolled_back_to=to, because=trouble)
        self.guard.go_back(self._go_to(to)["guard"])
        self._say(f"back to the weights of step {to:,}, on with the data that comes next")

    def _say(self, what: str) -> None:
        if self.first:
            print(f"{self.task.section:<10} {what}", flush=True)

    # --- validation ------------------------------------------------------------------------------------------

    def _validation_is_due(self) -> bool:
        due = self.step % self.plan.validate_every == 0 or self.step == self.plan.steps
        return due and self.task.validation_data is not None

    def _validate(self) -> bool:
        """Measure the validation loss; return whether early stop counts these weights as the best so far."""
        validation_loss = self.replica.validation_loss(self.plan.validation_sequences)
        best = self.early_stop.note(self.step, validation_loss)
        if math.isfinite(validation_loss):
            self.metrics.write(step=self.step, tokens=self.tokens, validation_loss=validation_loss)
        elif self.over:
            self.guard.target(self.step, "the validation loss is not finite", last=True)
        if self.early_stop.because:
            self._say(f"stopped early at step {self.step:,}: {self.early_stop.because}")
        self._sample()
        self.replica.peak_flops.sample_again()
        return best

    def _sample(self) -> None:
        """Write samples as often as the recipe says; in all processes, because the model may be sharded."""
        if not self.sampler:
            return
        number = self.step // self.plan.validate_every
        if self.over or number % self.sampler.settings.every == 0:
            for sample in self.sampler():
                self.samples.write(step=self.step, tokens=self.tokens, **sample)

    def _return_to_best(self) -> None:
        """Load the weights with the lowest validation loss, if early stop is configured."""
        best = self.early_stop.best[-1:]
        if best and best != [self.step]:
            self._go_to(best[0])

    # --- checkpoints -----------------------------------------------------------------------------------------

    def _save_if_due(self, best: bool, asked: bool) -> None:
        if not self.checkpoints:
            if asked:
                raise KeyboardInterrupt
            return
        due, stopping, failed = agreed(
            self.replica.accelerator,
            self.first
            and self.checkpoints.due(self.step, time.perf_counter() - self.saved, self.settings.checkpoint_minutes),
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
        if not self.checkpoints or not (self.first or self.replica.sharded):
            return
        self.checkpoints.pinned = tuple(self.early_stop.best)
        state = {
            "setup_seconds": self.setup_seconds,
            "resumed_at": self.resumed_at,
            "trained_on": self.replica.environment(),
            "guard": self.guard.state(),
            "early_stop": self.early_stop.state(),
            "pace": self.pace.state(),
            "energy": self.meter.state(),
        }
        self.checkpoints.save(self.step, self.task.model, self.unwrapped, state)
        self.saved = time.perf_counter()

    def _load(self, path: Path, state: dict[str, Any]) -> None:
        """Continue from a checkpoint, and print the changes of the environment since it was written."""
        load_checkpoint(path, self.task.model, self.unwrapped)
        self.step, self.setup_seconds = state["step"], state["setup_seconds"]
        now = self.replica.environment()
        self.resumed_at = [*state["resumed_at"], {"step": self.step, **now}]
        self.guard.load(state["guard"])
        self.early_stop.load(state["early_stop"])
        self.pace.load(state["pace"])
        self.meter.load(state["energy"])
        changed = describe_environment_change(state["trained_on"], now)
        if self.step:
            self._say(f"going on from step {self.step:,} of {self.plan.steps:,}{changed}")

    def _go_to(self, step: int) -> dict[str, Any]:
        """Load the weights and optimizers of an earlier checkpoint, in all processes; return its state."""
        assert self.checkpoints
        self.checkpoints.wait()
        self.replica.accelerator.wait_for_everyone()
        path, state = self.checkpoints.at(step)
        load_checkpoint(path, self.task.model, self.unwrapped)
        return state
