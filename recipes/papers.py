"""The papers' students, data sets, benches and settings, as the recipes name them.

Where a paper is silent the choice is ours and said here: which revision of a model, the template (the student's own),
FGit's global batch (fgit train's default), the 32B model's learning
rate (the 15B model's).
"""

from dataclasses import replace

from recipes.runner import Arm, Data, Student

LLAMA_7B = (32, 4096, 4096, 4096, 11008)  # layers, width, attention, keys, inner

MAGICODER_S_CL = Student("MagiCoderS-CL", "ise-uiuc/Magicoder-S-CL-7B", (*LLAMA_7B, 32016), "magicoder")
MAGICODER_S_DS = Student("MagiCoderS-DS", "ise-uiuc/Magicoder-S-DS-6.7B", (*LLAMA_7B, 32256), "magicoder")
MAGICODER_DS = Student("MagiCoder-DS", "ise-uiuc/Magicoder-DS-6.7B", (*LLAMA_7B, 32256), "magicoder")
SEMCODER_S = Student("SemCoder-S", "semcoder/semcoder_s_1030", (*LLAMA_7B, 32256), "semcoder")
SEMCODER = Student("SemCoder", "semcoder/semcoder_1030", (*LLAMA_7B, 32256), "semcoder")
CODELLAMA_INSTRUCT = Student(
    "CodeLlama-Instruct", "codellama/CodeLlama-7b-Instruct-hf", (*LLAMA_7B, 32016), "codellama-instruct"
)
DEEPSEEK_INSTRUCT = Student(
    "DeepseekCoder-Instruct", "deepseek-ai/deepseek-coder-6.7b-instruct", (*LLAMA_7B, 32256), "deepseek-coder-instruct"
)
DEEPSEEK_INSTRUCT_V15 = Student(
    "DS-Coder-7B-Ins-v1.5", "deepseek-ai/deepseek-coder-7b-instruct-v1.5", (30, 4096, 4096, 4096, 11008, 102400),
    train="--learning-rate 1e-5",
)  # fmt: skip
CODEQWEN_CHAT = Student(
    "CodeQwen1.5-7B-Chat", "Qwen/CodeQwen1.5-7B-Chat", (32, 4096, 4096, 512, 13440, 92416), train="--learning-rate 1e-5"
)
STARCODER2_15B = Student(
    "StarCoder2-15B",
    "bigcode/starcoder2-15b",
    (40, 6144, 6144, 512, 16384, 49152),
    train="--learning-rate 5e-6 --deepspeed zero3",
)
STARCODER2_7B = Student(
    "StarCoder2-7B", "bigcode/starcoder2-7b", (32, 4608, 4608, 512, 12288, 49152), train="--learning-rate 1e-5"
)
DEEPSEEK_1B = Student(
    "DeepSeekCoder-1.3B",
    "deepseek-ai/deepseek-coder-1.3b-base",
    (24, 2048, 2048, 2048, 5504, 32256),
    train="--learning-rate 1e-5",
)
DEEPSEEK_7B = Student(
    "DeepSeekCoder-6.7B", "deepseek-ai/deepseek-coder-6.7b-base", (*LLAMA_7B, 32256), train="--learning-rate 1e-5"
)
QWEN_1B = Student(
    "Qwen2.5-Coder-1.5B", "Qwen/Qwen2.5-Coder-1.5B", (28, 1536, 1536, 256, 8960, 151936), train="--learning-rate 1e-5"
)
QWEN_7B = Student(
    "Qwen2.5-Coder-7B", "Qwen/Qwen2.5-Coder-7B", (28, 3584, 3584, 512, 18944, 152064), train="--learning-rate 1e-5"
)
QWEN_32B = Student(
    "Qwen2.5-Coder-32B",
    "Qwen/Qwen2.5-Coder-32B",
    (64, 5120, 5120, 1024, 27648, 152064),
    train="--learning-rate 5e-6 --deepspeed zero3-offload",
)

# StarCoder2's MLP has two matrices; its `inner` is two thirds of the real one. 15B and 32B need more than ZeRO-2.

# FGit: three variants by the teacher, the nearest by UniXcoder.
TEACHER = ("fgit mutate --config fgit {input} -o {output}", "fgit select --config fgit {input} -o {output}")
EVOL = Data("evol-instruct", "evol-instruct", "the hub's ise-uiuc/Magicoder-Evol-Instruct-110K", 110_000, TEACHER)
OSS = Data("oss-instruct", "oss-instruct", "the hub's ise-uiuc/Magicoder-OSS-Instruct-75K", 75_000, TEACHER)
PYX = Data("pyx", "pyx", "the hub's semcoder/PyX", 95_000, TEACHER)
RULES = Data(
    "evol-instruct-rules", EVOL.file, EVOL.source, EVOL.records,
    ("fgit mutate --config fgit --method universalmutator {input} -o {output}", TEACHER[1]),
)  # fmt: skip
# FAIT: one variant, none to choose from; `select` only leaves out what is no fault.
EVOL_ONE = Data(
    "evol-codealpaca", "evol-codealpaca", "the hub's theblackcat102/evol-codealpaca-v1", 110_000,
    ("fgit mutate --config fait {input} -o {output}", "fgit select --config fait {input} -o {output}"),
)  # fmt: skip
OSS_ONE = Data("oss-instruct-one", OSS.file, OSS.source, OSS.records, EVOL_ONE.lines)
PYX_ONE = Data("pyx-one", PYX.file, PYX.source, PYX.records, EVOL_ONE.lines)


def paired(data: Data) -> Data:
    """The same pairs without the records that have no incorrect response: DPO has no use for them."""
    selected = data.lines[-1].replace("fgit select", "fgit select --no-keep-unpaired")
    return replace(data, name=f"{data.name}-paired", lines=(*data.lines[:-1], selected), variants=data.name)


# Target-DPO: instructions of its own, refined until tests pass; the filters of its section 2.1.
FILTER = "fgit select --config codeflow {input} -o {output}"
INSTRUCTIONS = "your own instructions as {instruction}: the paper's came from EpiCoder's feature trees, by GPT-4o"


def codeflow(name: str, flags: str, records: int = 59_000) -> Data:
    return Data(
        name,
        "instructions",
        INSTRUCTIONS,
        records,
        (" ".join(f"fgit refine --config codeflow {flags} {{input}} -o {{output}}".split()), FILTER),
    )


CODEFLOW = codeflow("codeflow", "")

FGIT_BENCHES = ("humaneval+", "mbpp+", "bigcodebench", "bigcodebench-hard")
BCB = ("bigcodebench", "bigcodebench-instruct")
BCB_HARD = ("bigcodebench-hard", "bigcodebench-hard-instruct")
FOCAL_BENCHES = ("humaneval+", "mbpp+", *BCB)
LCB = "livecodebench"

BASE = Arm("base")
SFT = Arm("Standard-SFT", "--objective sft")
FGIT = Arm("FGit", "--objective fgit")
FAIT = Arm("FAIT", "--objective fgit")
DPO = Arm("DPO", "--objective dpo")
FGIT_DPO = replace(DPO, data=paired(EVOL))
FAIT_DPO = replace(DPO, data=paired(EVOL_ONE))
LINE, TOKEN = (Arm(f"FGit ({g.title()} Level)", "--objective fgit", f"--granularity {g}") for g in ("line", "token"))
# FGit, V-A and Figures 6 and 7: weights and α as listed there.
FIXED = tuple(Arm(f"fixed weight {c}", f"--objective fixed --fixed-weight {c}") for c in (0, 1, 2, 3, 5))
ALPHA = tuple(Arm(f"α {a}", f"--objective fgit --alpha {a}") for a in (1, 1.5, 2, 3, 5))

# Target-DPO, section 3 and A.3.
FOCAL_TRAIN = "--config target-dpo --num-train-epochs 3"  # the epochs for the cost model too
FOCAL_MASK = "--config target-dpo"
REF = Arm("Ref.")
RPO = Arm("RPO", "--objective rpo")
TARGET_DPO = Arm("Target-DPO", "--objective target-dpo")
TARGET_RPO = Arm("Target-RPO", "--objective target-rpo")
FOCAL_SFT = Arm("SFT", "--objective sft")
