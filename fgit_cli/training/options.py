"""The options of `fgit train`, written once: the command line, a launched rank and the run record read them here.

Names are those of transformers' TrainingArguments where it has one, so that habits carry over. Defaults are FGit's
for every objective; `source` says from where, or why we chose.
"""

from dataclasses import dataclass
from typing import Literal

from fgit_cli import prompts
from fgit_cli.options import Common, argument, option
from fgit_cli.training.gpus import GPUS
from fgit_cli.training.objective import ForkLoss, Forks, Normalise, Objective, ObjectiveName, Rest

Attention = Literal["auto", "sdpa", "varlen", "eager", "flash_attention_2", "flex_attention"]

Kernels = Literal["auto", "liger", "none"]

TRACKERS = ("wandb", "tensorboard", "trackio")
DEFAULTS = Objective()
FGIT = "FGit, Implementation Details"
FAIT = "FAIT section 3.3.2"
DPO = "Target-DPO, Experiment Setup"
LARGEST_BETA = 0.999999  # AdamW wants less than 1


@dataclass(frozen=True, kw_only=True)
class Options(Common):
    files: list[str] = argument(
        "Pairs as `fgit mask` writes them, in any format that it writes (`-` or none: stdin).",
        metavar="FILE",
        recorded=False,
    )
    skip_bad_lines: bool = option(
        False, "Count and name lines that are no usable record, do not stop at them.", recorded=False
    )
    output_dir: str = option(
        "fgit-out", "Where model, tokenizer, checkpoints, run.json and README.md go.", metavar="DIR", recorded=False
    )
    overwrite_output_dir: bool = option(
        False, "Remove what an earlier run left in --output-dir, checkpoints too.", recorded=False
    )

    # The model
    model: str | None = option(
        None,
        "Folder or hub name of the model to tune; without it, the one that the pairs' tokenizer names.",
    )
    template: str | None = option(
        None,
        "The template that the pairs' prompts were made with, where that is a file that lies elsewhere now; the model "
        "is saved with it.",
        metavar="NAME",
        words=prompts.templates,
    )
    revision: str | None = option(None, "Branch, tag or commit of the model on the hub.")
    trust_remote_code: bool = option(False, "Run Python code that comes with the model.")
    attention: Attention = option(
        "auto",
        "Attention: sdpa and varlen run either layout, the others by transformers' names the plain one; auto: varlen "
        "on a GPU in bf16, else sdpa.",
    )
    kernels: Kernels = option(
        "auto",
        "Norms, MLPs and rotary positions: liger takes liger-kernel's (extra gpu), none the model's own; auto: "
        "liger-kernel's on a GPU where it is installed, knows the model's family and gives the model's own numbers.",
    )
    bf16: bool | None = option(
        None,
        "Compute in bfloat16 with fp32 master weights; without either flag, on a GPU yes, on a CPU no.",
        flags=("--bf16/--no-bf16",),
    )
    gradient_checkpointing: bool = option(
        False, "Recompute activations in the backward pass: less memory, about a third more time."
    )
    lora_rank: int = option(0, "Rank of LoRA adapters (peft); 0 tunes all weights.", minimum=0)
    lora_alpha: int = option(
        16, "LoRA's scale: the adapter is multiplied by alpha / rank.", source="our choice: a common value"
    )
    lora_dropout: float = option(
        0.0, "Dropout on the input of LoRA adapters.", minimum=0, maximum=1, source="our choice: exact and repeatable"
    )
    lora_target_modules: list[str] = option(
        [], "Modules that get an adapter, by name; again for several. Without it, every linear layer but the head."
    )

    # The objective
    objective: ObjectiveName = option("fgit", "What is minimised; docs/records.md has the formulas.")
    alpha: float = option(
        DEFAULTS.alpha,
        "fgit: upper end of W, which lies in (alpha - 1, alpha]; signed: W's middle, from 1 to 2 alpha - 1.",
        source=FGIT,
        minimum=1,
    )
    detach_weight: bool = option(
        DEFAULTS.detach_weight, "fgit, signed: no gradient through W.", source="the papers let it flow"
    )
    fixed_weight: float = option(
        DEFAULTS.fixed_weight,
        "fixed: weight of the marked tokens; the others have 1.",
        source="FGit's ablation tries several; our choice: the upper end of W",
        minimum=0,
    )
    beta: float = option(
        DEFAULTS.beta, "dpo family, kto: strength of the tie to the reference model.", source=DPO, minimum=0
    )
    rpo_alpha: float = option(
        DEFAULTS.rpo_alpha, "rpo, target-rpo: factor of the sft loss that is added.", source=DPO, minimum=0
    )
    symmetric: bool = option(
        DEFAULTS.symmetric, "target-dpo, target-rpo: mask the correct side too.", source="Target-DPO's ablation"
    )
    focused_weight: float = option(
        DEFAULTS.focused_weight,
        "focused-dpo: weight of the tokens between what the two sides share at their beginning and at their end.",
        source="Focused-DPO",
        minimum=0,
    )
    simpo_beta: float = option(
        DEFAULTS.simpo_beta,
        "simpo: factor of the margin of mean log-probabilities.",
        source="SimPO, 2.0 to 2.5",
        minimum=0,
    )
    simpo_gamma: float = option(
        DEFAULTS.simpo_gamma, "simpo: the margin asked for, after that factor.", source="SimPO, 0.3 to 1.6", minimum=0
    )
    orpo_weight: float = option(
        DEFAULTS.orpo_weight, "orpo: factor of the odds ratio's loss beside sft.", source="ORPO", minimum=0
    )
    hybrid_fraction: float = option(
        0.0,
        "target-dpo, target-rpo: this share of the pairs of each step is treated as plain dpo or rpo.",
        source="Target-DPO's ablation",
        minimum=0,
        maximum=1,
    )
    fork_loss: ForkLoss = option(
        DEFAULTS.fork_loss,
        "fork: prefer the correct token to the incorrect one where the sides part, or learn the correct one alone.",
        source="our choice",
    )
    forks: Forks = option(
        DEFAULTS.forks, "fork: the pair's first fork, or the mean over all of them.", source="our choice"
    )
    fork_beta: float = option(
        DEFAULTS.fork_beta,
        "fork: factor of the two tokens' log-ratio.",
        source="our choice: the ratio itself",
        minimum=0,
    )
    fork_weight: float = option(
        DEFAULTS.fork_weight,
        "fork: factor of the loss at the forks; beside --rest alone, as AdamW does not care for a loss's scale.",
        source="our choice",
        minimum=0,
    )
    rest: Rest = option(
        DEFAULTS.rest,
        "fork: what is added for all tokens of the correct response: nothing, the sft or the dft loss.",
        source="our choice",
    )

    # Optimisation
    normalise: Normalise = option(
        "tokens",
        "What the sum over a step's tokens is divided by: its correct-response tokens, so that each weighs the same; "
        "or its pairs.",
        source="pairs: FGit, equation 1; tokens: our choice, as transformers",
    )
    learning_rate: float = option(5e-6, "Peak learning rate of AdamW.", source=FGIT, minimum=0)
    num_train_epochs: float = option(1.0, "Passes over the data; a fraction is allowed.", source=FGIT, minimum=0)
    max_steps: int = option(
        -1, "Stop after this many steps, whatever --num-train-epochs says; -1: no limit.", minimum=-1
    )
    global_batch_size: int = option(
        64,
        "Pairs per step, over all ranks and passes.",
        source="our choice: the papers do not say",
        minimum=1,
    )
    lr_scheduler_type: Literal["linear", "cosine", "constant", "constant_with_warmup"] = option(
        "linear", "Course of the learning rate after the warm-up, by its transformers name.", source=FAIT
    )
    warmup_ratio: float = option(
        0.03,
        "Share of the steps in which the learning rate rises from 0.",
        source=f"{FAIT} has a warm-up of unknown length; the value is Target-DPO's",
        minimum=0,
        maximum=1,
    )
    weight_decay: float = option(
        0.0, "AdamW's weight decay; not on biases and norms.", source="our choice: transformers' default", minimum=0
    )
    adam_beta1: float = option(
        0.9, "AdamW's beta 1.", source="our choice: transformers' default", minimum=0, maximum=LARGEST_BETA
    )
    adam_beta2: float = option(
        0.999, "AdamW's beta 2.", source="our choice: transformers' default", minimum=0, maximum=LARGEST_BETA
    )
    adam_epsilon: float = option(1e-8, "AdamW's epsilon.", source="our choice: transformers' default", minimum=0)
    max_grad_norm: float = option(
        1.0, "Clip the gradient at this norm; 0: never.", source="our choice: transformers' default", minimum=0
    )
    seed: int = option(42, "Seed of the data order and of dropout.", source="our choice: transformers' default")

    # Speed
    layout: Literal["shared", "plain"] = option(
        "shared",
        "shared: the pair's common part is computed once; plain: two rows per pair, which models that do not allow "
        "the other get in any case, and are told.",
    )
    token_budget: str = option(
        "auto",
        "Tokens fed in one forward pass of one rank; decides memory and speed, never the result. auto: what the GPU's "
        "free memory has room for, up to 32768; 8192 on a CPU. A pass that runs out of memory is run again in halves.",
        metavar="N|auto",
        words=lambda: ("auto",),
        unit="tokens",
        source="our choice",
    )

    # Watching
    logging_steps: int = option(
        1, "Steps between two records on stdout.", source="our choice: they are cheap", minimum=1
    )
    eval_file: str | None = option(
        None, "Held-out pairs: NLL and share told apart, before, during and after.", metavar="FILE", recorded=False
    )
    eval_bench: str | None = option(
        None,
        "pass@1 of greedy answers to this benchmark's first --eval-tasks tasks, judged in the sandbox, before, during "
        "and after: a name that `fgit eval --bench` takes.",
        metavar="NAME",
        recorded=False,
    )
    eval_tasks: int = option(
        40, "Tasks of --eval-bench that are asked.", minimum=1, source="our choice: a minute on a GPU", recorded=False
    )
    eval_steps: int = option(
        0,
        "Steps between two evaluations of --eval-file and --eval-bench; 0: only before and after.",
        minimum=0,
        recorded=False,
    )
    load_best: bool = option(
        False,
        "Save the weights that were best in an evaluation after a step: highest pass@1 of --eval-bench, else lowest "
        "NLL of --eval-file; of equals the first. Without it the last ones are saved.",
    )
    report_to: list[str] = option(
        [],
        "Send the records to wandb, tensorboard or trackio too; again for several.",
        recorded=False,
        words=lambda: TRACKERS,
    )

    # What is told of the model, and where it goes
    license: str | None = option(
        None, "Licence of the tuned model, as the hub names it, for its card; without it, the base model's own where "
        "its card says one.", metavar="NAME", recorded=False,
    )  # fmt: skip
    dataset: list[str] = option(
        [], "The instruction data's name on the hub, for the model card; again for several.", metavar="NAME",
        recorded=False,
    )  # fmt: skip
    push_to_hub: bool = option(
        False, "Upload the finished model to the hub: weights, tokenizer, card, run.json and steps.jsonl, no "
        "checkpoints. Account and repository are tried before the first step.", recorded=False,
    )  # fmt: skip
    hub_model_id: str | None = option(
        None, "--push-to-hub: the repository; without it, the name of --output-dir under your account.",
        metavar="[ACCOUNT/]NAME", recorded=False,
    )  # fmt: skip
    hub_private_repo: bool = option(False, "--push-to-hub: make a new repository private.", recorded=False)

    # Checkpoints
    save_steps: int = option(
        500,
        "Steps between two checkpoints; 0: none, the run cannot be resumed.",
        source="transformers' default",
        minimum=0,
        recorded=False,
    )
    save_total_limit: int = option(
        1, "Checkpoints kept; the older ones are removed.", minimum=1, source="our choice: room", recorded=False
    )
    resume: bool = option(
        False,
        "Go on from the last whole checkpoint in --output-dir, or from the start where there is none.",
        recorded=False,
    )

    # Machines
    deepspeed: str | None = option(
        None,
        "zero2, zero3, zero3-offload, or a DeepSpeed configuration; without it, zero2 on GPUs and none on a CPU.",
        metavar="NAME|FILE",
        words=lambda: ("zero2", "zero3", "zero3-offload"),
    )
    num_processes: int | None = option(
        None, "Ranks on this machine; without it, one per GPU, one on a CPU.", minimum=1, recorded=False
    )
    num_machines: int = option(1, "Machines that take part; start the same command on each.", minimum=1, recorded=False)
    machine_rank: int = option(0, "This machine's number, from 0.", minimum=0, recorded=False)
    main_process_ip: str | None = option(None, "Address of machine 0.", metavar="HOST", recorded=False)
    main_process_port: int | None = option(
        None, "Port of machine 0; without it, 29500, on one machine a free one.", recorded=False
    )
    accelerate_config: str | None = option(
        None, "A file of `accelerate config` that says all about machines instead.", metavar="FILE", recorded=False
    )
    dry_run: bool = option(
        False,
        "Say steps, tokens, memory, hours and the ways that fit, each with its launch line, and stop: a table on a "
        "terminal, else a JSON object.",
        recorded=False,
    )
    fault_share: bool = option(
        False,
        "Say the marked tokens' share of tokens, loss and gradient over 64 pairs as a JSON object, and stop; every "
        "run.json has it.",
        recorded=False,
    )
    gpu: str | None = option(
        None,
        "--dry-run: the GPU to reckon with, by name (a100-80gb, h100, rtx-4090, ...) or in numbers (48GB:180TFLOPS); "
        "--num-processes says how many.",
        metavar="NAME",
        recorded=False,
        words=lambda: GPUS,
    )

    @property
    def made_objective(self) -> Objective:
        """The objective with its constants."""
        return Objective(
            name=self.objective,
            alpha=self.alpha,
            detach_weight=self.detach_weight,
            fixed_weight=self.fixed_weight,
            beta=self.beta,
            rpo_alpha=self.rpo_alpha,
            symmetric=self.symmetric,
            focused_weight=self.focused_weight,
            simpo_beta=self.simpo_beta,
            simpo_gamma=self.simpo_gamma,
            orpo_weight=self.orpo_weight,
            fork_loss=self.fork_loss,
            forks=self.forks,
            fork_beta=self.fork_beta,
            fork_weight=self.fork_weight,
            rest=self.rest,
        )
