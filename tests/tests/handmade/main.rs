//! The runtime that `docs/PORTING.md` builds, and the suite on it.
#![allow(
    unreachable_pub,
    reason = "the code is shown as it would stand in a library"
)]

mod harness;
mod net;
mod readiness;
mod runtime;
mod spawn;
mod stream;
mod timer;

#[test]
fn the_porting_guide_shows_this_runtime() {
    let guide = include_str!("../../../docs/PORTING.md");
    let files = [
        ("runtime.rs", include_str!("runtime.rs")),
        ("spawn.rs", include_str!("spawn.rs")),
        ("timer.rs", include_str!("timer.rs")),
        ("readiness.rs", include_str!("readiness.rs")),
        ("stream.rs", include_str!("stream.rs")),
        ("net.rs", include_str!("net.rs")),
        ("harness.rs", include_str!("harness.rs")),
    ];
    for (name, code) in files {
        let shown = format!("```rust\n{code}```");
        assert!(guide.contains(&shown), "{name} is not in docs/PORTING.md");
    }
}
