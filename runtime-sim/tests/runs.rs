//! Seeds and plans against the library as it is.

use std::path::Path;

use chat_runtime_sim::{Action, Batch, Fault, FaultKind, Operation, Plan, run, shrink};

/// Enough for a look. The `sim` program runs as many as one likes.
#[test]
fn a_few_hundred_seeds_keep_all_promises() {
    let mut batch = Batch::default();
    for seed in 0..200 {
        let report = run(&Plan::from_seed(seed));
        assert!(
            report.broken.is_none(),
            "seed {seed}:\n{report}\nto replay: cargo run --release --bin sim -- --seed {seed}"
        );
        batch.add(seed, &report);
    }
    let kinds = batch.strikes().kinds();
    assert!(kinds >= 35, "only {kinds} kinds of faults struck\n{batch}");
}

#[test]
fn all_committed_plans_keep_all_promises() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("plans");
    let mut paths: Vec<_> = std::fs::read_dir(&folder)
        .expect("the folder is there")
        .map(|entry| entry.expect("the folder can be read").path())
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == "plan")
        })
        .collect();
    paths.sort();
    assert!(!paths.is_empty(), "there are plans");
    for path in paths {
        let text = std::fs::read_to_string(&path).expect("the plan can be read");
        let plan = Plan::parse(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let report = run(&plan);
        assert!(report.broken.is_none(), "{}:\n{report}", path.display());
    }
}

#[test]
fn a_plan_is_read_as_it_is_printed() {
    for seed in 0..300 {
        let plan = Plan::from_seed(seed);
        assert_eq!(Plan::parse(&plan.to_string()).as_ref(), Ok(&plan));
    }
}

#[test]
fn a_plan_that_makes_no_sense_is_refused_with_its_line() {
    for (text, error) in [
        ("seed x", "line 1: \"x\": invalid digit found in string"),
        ("\nset colour 3", "line 2: there is no setting \"colour\""),
        (
            "at 1 client 2 dance",
            "line 1: \"dance\" is none of the things there are",
        ),
        (
            "at 1 client 2 say",
            "line 1: something is missing at the end",
        ),
        ("at 1 fault shutdown now", "line 1: \"now\" is too much"),
        (
            "seed 1\nset clients 0",
            "line 2: clients has to be from 1 to 10000",
        ),
        ("set window 0", "line 1: window has to be at least 1"),
        ("set library 3", "line 1: library has to be from 0 to 2"),
        (
            "set library_events 0",
            "line 1: library_events has to be at least 1",
        ),
        ("set split 1001", "line 1: split has to be from 0 to 1000"),
        (
            "set latency 1\n\nset latency 1",
            "line 3: latency is said twice",
        ),
        ("seed 1\nseed 1", "line 2: seed is said twice"),
        (
            "set policy fifo\nset policy lifo",
            "line 2: policy is said twice",
        ),
        (
            "at 1 program kick 0 x 1",
            "line 1: \"x\": invalid digit found in string",
        ),
    ] {
        assert_eq!(Plan::parse(text).expect_err(text), error);
    }
}

#[test]
fn the_same_plan_gives_the_same_run() {
    for seed in 0..20 {
        let plan = Plan::from_seed(seed);
        assert_eq!(run(&plan).hash, run(&plan).hash, "seed {seed}");
    }
}

#[test]
fn shrinking_keeps_what_is_needed_and_nothing_else() {
    let is_deaf = |op: &Operation| op.client == 1 && op.action == Action::Deaf;
    let is_reset = |fault: &Fault| matches!(fault.kind, FaultKind::Reset(_));
    let both =
        |plan: &Plan| plan.operations.iter().any(is_deaf) && plan.faults.iter().any(is_reset);
    let plan = (0..10_000)
        .map(Plan::from_seed)
        .find(both)
        .expect("some seed has both");
    let small = shrink(&plan, 10_000, both);
    assert!(both(&small));
    let steps = small.operations.len() + small.faults.len() + small.deeds.len();
    assert_eq!(steps, 2, "{small}");
}

#[test]
fn shrinking_lets_a_fault_strike_more_often_where_many_steps_were_needed_for_chance() {
    // Strikes if the plan has enough steps for its rate.
    let strikes = |plan: &Plan| plan.operations.len() as u64 * plan.config.one_byte_write >= 200;
    let mut plan = Plan::from_seed(0);
    plan.config.one_byte_write = 10;
    let step = Operation {
        at: 0,
        client: 7,
        action: Action::Blank,
    };
    plan.operations = vec![step; 30];
    let small = shrink(&plan, 10_000, strikes);
    assert_eq!(small.operations.len(), 1, "{small}");
    assert_eq!(small.operations[0].client, 0, "{small}");
}

#[test]
fn shrinking_throws_other_dice_where_many_steps_were_needed_for_chance() {
    let fails = |plan: &Plan| match plan.seed {
        3 => !plan.operations.is_empty(),
        _ => plan.operations.len() >= 30,
    };
    let plan = (100..10_000)
        .map(Plan::from_seed)
        .find(fails)
        .expect("some seed has so many");
    let small = shrink(&plan, 10_000, fails);
    assert_eq!(small.operations.len(), 1, "{small}");
}

#[test]
fn shrinking_ends_when_nothing_more_can_be_done() {
    for seed in 0..20 {
        let mut tries = 0;
        let small = shrink(&Plan::from_seed(seed), 10_000, |_| {
            tries += 1;
            true
        });
        assert!(tries < 1_000, "seed {seed}: {tries} tries");
        assert_eq!(small.operations.len() + small.faults.len(), 0, "{small}");
    }
}
