"""What the deciders rest on: for each key the paper or the measurement behind it, and what would change the value."""

BERT = "Devlin et al., BERT (2019)"
BENCHMARKS = "benchmarks/results/training.jsonl"
DATA = "the data themselves"
MACHINE = "the machine itself"
CALIBRATION = "the calibration of this machine"

# Key: source, and what would change the value.
GROUNDS: dict[str, tuple[str, str]] = {
    "model.task": (DATA, "another number of labels, or several in a row (data.labels)"),
    "model.dropout": (
        f"{BERT}, section A.2; Liu et al., Drop Dropout on Single-Epoch Language Model Pretraining (2025)",
        "one epoch of 300,000 training rows",
    ),
    "model.head_bias": (
        "Lin et al., Focal Loss for Dense Object Detection (2017), section 3.3",
        "several labels a row",
    ),
    "model.feature_width": ("no measurement: a width between that of the features and of the text", "data.features"),
    "model.exits": (
        "Xin et al., DeeBERT (2020); Schwartz et al., The Right Tool for the Job (2020); benchmarks/exits.py",
        "goal=fast with enough validation rows, or features beside the text",
    ),
    "text.lower_case": ("the model's own tokenizer", "another model.name"),
    "answer.calibrate": ("Guo et al., On Calibration of Modern Neural Networks (2017)", "validation rows, or none"),
    "answer.thresholds": (
        "Lipton et al., Optimal Thresholding of Classifiers to Maximize F1 Measure (2014)",
        "several labels a row, or validation rows",
    ),
    "answer.scope": (
        "Hendrycks and Gimpel, A Baseline for Detecting Misclassified and Out-of-Distribution Examples (2017)",
        "several labels a row, or validation rows",
    ),
    "answer.loss_confidence": (
        'A. Agresti, Y. Min, "Comparing matched proportions", 2005; benchmarks/routes.py, benchmarks/exits.py',
        "asking for it",
    ),
    "train.precision": (MACHINE, "a processor or an accelerator that multiplies other formats"),
    "train.strategy": (MACHINE, "another number of accelerators"),
    "train.shapes": (MACHINE, "an accelerator"),
    "train.embedding_updates": (MACHINE, "an accelerator"),
    "train.steps_per_execution": ("TensorFlow's guide, Use TPUs", "a TPU"),
    "text.max_length": (DATA, "longer texts, or a model that reads more tokens"),
    "text.windows": (
        "Park et al., Efficient Classification of Long Documents Using Transformers (2022)",
        "other lengths, another goal, or less free memory",
    ),
    "text.window_stride": (DATA, "nothing in the data"),
    "text.keep": ("Sun et al., How to Fine-Tune BERT for Text Classification? (2019)", "fewer texts that are cut"),
    "text.head_share": (
        "Sun et al., How to Fine-Tune BERT for Text Classification? (2019)",
        "asking for it, where it is known which part of the texts decides",
    ),
    "text.pool": (
        "Ilse et al., Attention-based Deep Multiple Instance Learning (2018)",
        "asking for it; benchmarks/windows.py compares pools on data of your own",
    ),
    "text.chosen_share": ("benchmarks/windows.py", "goal=fast, or asking for it"),
    "train.windows": ("the tokens of a step that the goal allows for a text", "another goal, or other lengths"),
    "train.batch_size": (
        f"{BERT}, section A.3: 16 or 32; Mosbach et al., On the Stability of Fine-tuning BERT (2021): 16 for few rows",
        "500 training rows, more or less",
    ),
    "train.batch_tokens": ("the cost model's memory", "more or less free memory"),
    "train.max_shapes": (MACHINE, "an accelerator, which compiles each shape"),
    "train.buckets": (
        "dynamic programming over the lengths, exact where all shapes have as many rows",
        "other lengths, train.max_shapes or batch sizes",
    ),
    "train.accumulation_steps": ("the cost model's memory", "more or less free memory"),
    "train.objectives": (BERT, "several labels a row"),
    "train.class_weights": (
        "Mahajan et al., Exploring the Limits of Weakly Supervised Pretraining (2018), square-root sampling",
        "a largest class of more than 20 times the rows of the smallest, where macro-F1 is what is judged by",
    ),
    "train.epochs": (
        "Zhang et al., Revisiting Few-sample BERT Fine-tuning (2021): few rows take more steps",
        "more or fewer rows a class, another goal, or another time limit",
    ),
    "train.metric": (
        "Sokolova and Lapalme, A systematic analysis of performance measures (2009)",
        "other label counts",
    ),
    "train.scheduled_steps": (CALIBRATION, "another train.time_limit_minutes, or a faster or slower machine"),
    "train.learning_rate": (
        f"the rate of the runs in {BENCHMARKS} at width 384; Devlin et al. (2019) take 2e-5 to 5e-5 at width 768",
        "another width of the model, or more classes",
    ),
    "train.added_learning_rate": ("the usual rate of Adam for a new layer", "data.features or text.pool"),
    "train.warmup_share": (
        f"{BERT}; Mosbach et al., On the Stability of Fine-tuning BERT (2021)",
        "nothing in the data",
    ),
    "train.weight_decay": (BERT, "nothing in the data"),
    "train.clip_norm": (BERT, "nothing in the data"),
    "train.average": ("no measurement shows a gain over a rate that falls to 0", "asking for it"),
    "train.average_start": (
        "Izmailov et al., Averaging Weights Leads to Wider Optima (2018)",
        "another kind of train.average",
    ),
    "train.average_every": ("no measurement: each costs a pass over all weights", "another number of steps"),
    "train.average_decay": ("Polyak and Juditsky, Acceleration of Stochastic Approximation (1992)", "train.average"),
    "train.early_stopping": (
        "Prechelt, Early Stopping: But When? (1998)",
        "another number of epochs, or validation rows",
    ),
    "train.checkpoint_steps": (CALIBRATION, "a faster or slower machine, or another number of steps"),
}
