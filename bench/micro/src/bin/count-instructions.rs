//! Counts the instructions of single steps with valgrind, and compares them with those that are recorded.
//!
//! ```text
//! cargo run --release -p chat-microbench --bin count-instructions              # compare
//! cargo run --release -p chat-microbench --bin count-instructions -- --update  # record
//! ```
//!
//! Unlike times, instructions are the same whatever else the machine does. They do change with the compiler, with
//! valgrind, with the C library, and with what the processor can do, by which the library chooses its functions:
//! the recorded ones say what they were made with. Where that is something else, nothing is compared, and it says so. After a
//! change of toolchain, or one that is worth what it costs, record them anew and commit
//! `bench/micro/instructions.json`.

use std::collections::BTreeMap;
use std::env;
use std::error::Error;
use std::fs;
use std::path::Path;
use std::process::{Command, ExitCode};

use chat_core::framing::Lines;
use chat_core::message::Body;
use chat_core::protocol::TextProtocol;
use chat_microbench::{House, LINE, decode};
use serde::{Deserialize, Serialize};

const BASELINE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/instructions.json");

/// From how much more on it is a failure, in parts of the recorded count.
const TOLERANCE: f64 = 0.05;

/// How often a step is done. It is also done twice as often: the difference is the steps and nothing else.
const TIMES: u64 = 200;

/// What is counted, and of how many messages to how many members.
const STEPS: &[(&str, Step)] = &[
    ("decode a line", |times| {
        let mut lines = Lines::new(TextProtocol::MAX_LINE);
        (0..times).for_each(|_| decode(&mut lines, LINE));
    }),
    ("publish to 1 member, and deliver", |times| {
        publish(1, 1, times)
    }),
    ("publish to 100 members, and deliver", |times| {
        publish(1, 100, times)
    }),
    ("publish 16 to 100 members, and deliver together", |times| {
        publish(16, 100, times)
    }),
];

/// Something that is done so many times.
type Step = fn(u64);

/// The recorded counts.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Counts {
    /// All that they depend on beside the code: compiler, valgrind, C library, processor.
    made_with: Vec<String>,
    /// Instructions for each step.
    instructions: BTreeMap<String, u64>,
}

fn main() -> ExitCode {
    let arguments: Vec<_> = env::args().skip(1).collect();
    let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
    let done = match arguments[..] {
        [] => compare(),
        ["--update"] => update(),
        ["--step", step, times] => do_step(step, times),
        _ => Err("usage: count-instructions [--update]".into()),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("count-instructions: {error}");
            ExitCode::FAILURE
        }
    }
}

fn compare() -> Result<(), Box<dyn Error>> {
    let recorded: Counts = serde_json::from_str(&fs::read_to_string(BASELINE)?)?;
    let counted = count()?;
    let is_comparable = recorded.made_with == counted.made_with;
    let mut worse = Vec::new();
    for (step, &now) in &counted.instructions {
        let before = recorded.instructions.get(step).copied().unwrap_or(0);
        let change = now as f64 / before.max(1) as f64 - 1.0;
        println!(
            "{step}: {now} instructions, {before} recorded ({:+.1} %)",
            change * 100.0
        );
        if change > TOLERANCE {
            worse.push(format!(
                "{step} takes {now} instructions, {:.1} % more than recorded",
                change * 100.0
            ));
        }
    }
    if !is_comparable {
        let (then, now) = (recorded.made_with.join(", "), counted.made_with.join(", "));
        println!(
            "NOT COMPARED: recorded with {then}; counted with {now}. Record them anew with --update"
        );
        return Ok(());
    }
    if worse.is_empty() {
        return Ok(());
    }
    let why = worse.join("; ");
    Err(format!("{why}. If that is as it should be, record it with --update").into())
}

fn update() -> Result<(), Box<dyn Error>> {
    let counted = count()?;
    for (step, now) in &counted.instructions {
        println!("{step}: {now} instructions");
    }
    fs::write(
        Path::new(BASELINE),
        serde_json::to_string_pretty(&counted)? + "\n",
    )?;
    Ok(())
}

fn count() -> Result<Counts, Box<dyn Error>> {
    let mut counts = Counts {
        made_with: vec![
            first_line("rustc")?,
            first_line("valgrind")?,
            first_line("ldd")?,
            processor(),
        ],
        ..Counts::default()
    };
    for (step, _) in STEPS {
        let (once, twice) = (instructions(step, TIMES)?, instructions(step, 2 * TIMES)?);
        counts
            .instructions
            .insert((*step).to_owned(), (twice - once) / TIMES);
    }
    Ok(counts)
}

/// The instructions of a process that does a step so many times.
fn instructions(step: &str, times: u64) -> Result<u64, Box<dyn Error>> {
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(env::current_exe()?)
        .args(["--step", step, &times.to_string()])
        .output()?;
    let said = String::from_utf8_lossy(&output.stderr);
    if !output.status.success() {
        return Err(format!("valgrind has failed: {said}").into());
    }
    // As in "==1234== Collected : 123456".
    let collected = said
        .lines()
        .find_map(|line| line.split_once("Collected : "));
    let (_, number) = collected.ok_or_else(|| format!("valgrind tells no count: {said}"))?;
    Ok(number.trim().parse()?)
}

fn do_step(step: &str, times: &str) -> Result<(), Box<dyn Error>> {
    let known = STEPS.iter().find(|(name, _)| *name == step);
    let (_, work) = known.ok_or_else(|| format!("there is no step {step:?}"))?;
    work(times.parse()?);
    Ok(())
}

fn publish(messages: usize, members: usize, times: u64) {
    let text = std::str::from_utf8(LINE.trim_ascii_end()).expect("UTF-8");
    let body = Body::parse(text).expect("a message");
    let mut house = House::with_members(members);
    for _ in 0..times {
        (0..messages).for_each(|_| house.say(&body));
        house.deliver();
    }
}

/// What the processor can do, as far as functions are chosen by it.
fn processor() -> String {
    let mut processor = env::consts::ARCH.to_owned();
    #[cfg(target_arch = "x86_64")]
    for (feature, is_there) in [
        ("avx2", is_x86_feature_detected!("avx2")),
        ("ermsb", is_x86_feature_detected!("ermsb")),
    ] {
        if is_there {
            processor += &format!(" {feature}");
        }
    }
    processor
}

fn first_line(program: &str) -> Result<String, Box<dyn Error>> {
    let output = Command::new(program).arg("--version").output();
    let output = output.map_err(|error| format!("{program}: {error}"))?;
    let said = String::from_utf8_lossy(&output.stdout);
    Ok(said.lines().next().unwrap_or_default().to_owned())
}
