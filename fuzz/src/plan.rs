use std::sync::LazyLock;

use arbitrary::{Result, Unstructured};
use chat_runtime_sim::{Fault, FaultKind, Operation, Plan, run};

/// How many drawn plans the parts of a plan are taken from.
const SEEDS: u64 = 3_000;

/// How many operations and faults a plan has at most.
const STEPS: usize = 60;

/// What can be in a plan: as the simulator draws it, so that everything is as large as it can be there.
static PARTS: LazyLock<Parts> = LazyLock::new(|| {
    let plans: Vec<_> = (0..SEEDS).map(Plan::from_seed).collect();
    let operations = plans.iter().flat_map(|plan| plan.operations.clone());
    let faults = plans.iter().flat_map(|plan| plan.faults.clone());
    let (operations, faults) = (
        operations.collect(),
        faults.map(|fault| fault.kind).collect(),
    );
    Parts {
        plans,
        operations,
        faults,
    }
});

struct Parts {
    plans: Vec<Plan>,
    operations: Vec<Operation>,
    faults: Vec<FaultKind>,
}

/// The simulator: the bytes are a plan, twice over. If they are its text, it is read and printed. In any case they
/// choose settings, operations and faults out of those that the simulator draws, and what comes of that is run.
///
/// # Panics
///
/// When a plan is not read as it was printed, or a promise is broken. The latter prints the plan.
pub fn plan(data: &[u8]) {
    if let Ok(text) = std::str::from_utf8(data) {
        read_and_print(text);
    }
    let Ok(plan) = choose(&mut Unstructured::new(data)) else {
        return;
    };
    read_and_print(&plan.to_string());
    let report = run(&plan);
    assert!(
        report.broken.is_none(),
        "{report}\nto replay, keep this as a file for `sim --plan`:\n{plan}"
    );
}

fn read_and_print(text: &str) {
    let Ok(plan) = Plan::parse(text) else {
        return;
    };
    let printed = plan.to_string();
    assert_eq!(Plan::parse(&printed), Ok(plan), "{printed}");
}

/// A plan, made of what the bytes choose.
fn choose(bytes: &mut Unstructured<'_>) -> Result<Plan> {
    let parts = &*PARTS;
    let mut plan = bytes.choose(&parts.plans)?.clone();
    plan.seed = bytes.arbitrary::<u16>()?.into();
    // A planned panic of a hook would count as a crash.
    plan.config.hook_panics = 0;
    plan.operations.clear();
    plan.faults.clear();
    plan.deeds.clear();
    let mut at = 0;
    while !bytes.is_empty() && plan.operations.len() + plan.faults.len() < STEPS {
        at += pause(bytes.arbitrary()?);
        if bytes.ratio(1, 6)? {
            let kind = *bytes.choose(&parts.faults)?;
            plan.faults.push(Fault { at, kind });
        } else {
            let mut operation = *bytes.choose(&parts.operations)?;
            operation.at = at;
            operation.client = bytes.int_in_range(0..=5)?;
            plan.operations.push(operation);
        }
    }
    Ok(plan)
}

/// In microseconds: none most of the time, otherwise from one to two seconds.
fn pause(byte: u8) -> u64 {
    match byte {
        0..128 => 0,
        _ => 1 << ((byte - 128) / 6),
    }
}
