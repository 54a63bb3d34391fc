//! Every sort of case, small and short, against every server: each delivery arrives, and there are figures.
#![cfg(target_os = "linux")]

use std::path::PathBuf;
use std::time::Duration;

use chat_bench::case::{Case, CaseError, Figures, Plan, Setting};
use chat_bench::contest::{Contestant, Peer};
use chat_bench::load::Dialect;
use chat_bench::machine::Places;
use chat_bench::readiness::Waiting;
use chat_bench::serve::Kind;

fn run(kind: Kind, dialect: Dialect, plan: Plan) -> Result<Figures, CaseError> {
    let program = PathBuf::from(env!("CARGO_BIN_EXE_bench"));
    let processor = Places::choose().server;
    let server = Contestant::Own(kind).start(&program, processor).unwrap();
    let case = Case {
        name: "small",
        title: "small",
        plan,
        rounds: 1,
    };
    case.run(&Setting {
        dialect,
        address: server.address,
        process: server.process,
        duration: Duration::from_millis(100),
        turn: Duration::from_millis(50),
        // Both ways are tried.
        waiting: match dialect {
            Dialect::Json => Waiting::Awake,
            _ => Waiting::Asleep,
        },
    })
}

/// Runs all sorts of cases against one server.
fn serves_a_crowd(kind: Kind, dialect: Dialect) {
    let talk = Plan::Talk {
        rooms: 3,
        members: 8,
        in_flight: 4,
        deaf: 0,
    };
    let deaf = Plan::Talk {
        rooms: 1,
        members: 20,
        in_flight: 4,
        deaf: 2,
    };
    let steady = Plan::Steady {
        members: 10,
        per_second: 100,
    };
    let churn = Plan::Churn {
        members: 20,
        churners: 3,
    };
    for plan in [talk, deaf, steady, churn] {
        let figures = run(kind, dialect, plan).unwrap_or_else(|error| panic!("{plan:?}: {error}"));
        let work = figures.work.unwrap();
        assert!(work.deliveries > 0, "{plan:?}: {work:?}");
        assert!(work.cpu_us > 0.0, "{plan:?}: {work:?}");
        let latency = work.latency;
        assert!(
            latency.p50_us > 0.0 && latency.p50_us <= latency.max_us,
            "{plan:?}: {work:?}"
        );
    }
    let idle = Plan::Idle {
        members: 50,
        per_room: 10,
    };
    let figures = run(kind, dialect, idle).unwrap();
    assert!(figures.work.is_none());
    assert!(figures.connecting.cpu_us > 0.0, "{figures:?}");
}

#[test]
fn the_floor_serves_a_crowd() {
    serves_a_crowd(Kind::Floor, Dialect::Text);
}

#[test]
fn tokio_serves_a_crowd() {
    serves_a_crowd(Kind::Tokio, Dialect::Text);
}

#[test]
fn tokio_on_one_thread_serves_a_crowd() {
    serves_a_crowd(Kind::TokioCurrent, Dialect::Text);
}

#[test]
fn smol_serves_a_crowd() {
    serves_a_crowd(Kind::Smol, Dialect::Text);
}

#[test]
fn async_std_serves_a_crowd() {
    serves_a_crowd(Kind::AsyncStd, Dialect::Text);
}

#[test]
fn json_serves_a_crowd() {
    serves_a_crowd(Kind::Tokio, Dialect::Json);
}

#[test]
fn a_server_that_is_not_there_has_no_figures() {
    let peer: Peer = "nobody=text:127.0.0.1:1:1".parse().unwrap();
    let refused = Case::named("room-100-1").unwrap().run(&Setting {
        dialect: peer.dialect,
        address: peer.address,
        process: chat_bench::process::Measured::new(std::process::id() as i32),
        duration: Duration::from_millis(100),
        turn: Duration::from_millis(100),
        waiting: Waiting::Asleep,
    });
    assert!(matches!(refused, Err(CaseError::Crowd(_))), "{refused:?}");
}
