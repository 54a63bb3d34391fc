use crate::net::Rates;
use crate::policy::Policy;

macro_rules! config {
    ($($(#[$doc:meta])* $name:ident = $default:expr,)*) => {
        /// How the machine, the server and the network of a [`Plan`](super::Plan) are set up.
        ///
        /// The default is a server as it comes, ten clients, and a network without a fault.
        #[derive(Clone, Debug, PartialEq, Eq)]
        #[non_exhaustive]
        pub struct PlanConfig {
            /// In which order tasks run.
            pub policy: Policy,
            $($(#[$doc])* pub $name: u64,)*
        }

        impl Default for PlanConfig {
            fn default() -> Self {
                Self { policy: Policy::Random, $($name: $default,)* }
            }
        }

        impl PlanConfig {
            /// The numbers in it, by name.
            pub(super) fn numbers(&self) -> Vec<(&'static str, u64)> {
                vec![$((stringify!($name), self.$name),)*]
            }

            /// The place of the number of that name.
            pub(super) fn number_mut(&mut self, name: &str) -> Option<&mut u64> {
                match name {
                    $(stringify!($name) => Some(&mut self.$name),)*
                    _ => None,
                }
            }
        }
    };
}

config! {
    /// How many clients there are.
    clients = 10,
    /// Whether every other client comes over a Unix socket.
    unix = 0,
    /// Which clients speak JSON: 0 for none, 1 for half of them, 2 for all.
    json = 0,
    /// Which of these use the client library: 0 for none, 1 for half of them, 2 for all.
    library = 0,
    /// `ClientOptions::max_outstanding`, as all of these of the client library.
    library_outstanding = 256,
    /// `ClientOptions::event_capacity`.
    library_events = 1_024,
    /// Whether it is `WhenFull::Backpressure`.
    library_backpressure = 0,
    /// `ClientOptions::connect_timeout` in milliseconds.
    library_connect_ms = 3_000,
    /// `ClientOptions::ping_after` and `ping_timeout` in milliseconds.
    library_ping_ms = 10_000,
    /// `ClientOptions::close_timeout` in milliseconds.
    library_close_ms = 3_000,
    /// `Backoff::base` in milliseconds.
    library_backoff_ms = 500,
    /// `Backoff::jitter`.
    library_jitter = 1,
    /// `Backoff::attempts`; 0 for no end of them.
    library_attempts = 0,
    /// `ClientOptions::insist`.
    library_insist = 0,
    /// `ClientOptions::rejoin`.
    library_rejoin = 1,
    /// Whether all come to the same listeners, where their first byte decides which protocol is spoken.
    detect = 0,
    /// How often of a thousand times a client says nothing for a while when it has connected there.
    hesitates = 0,
    /// Whether connections are served by a loop of the program's own instead of a `Server`.
    own_loop = 0,
    /// `OutboxLimits::messages`.
    outbox_messages = 1_024,
    /// `OutboxLimits::bytes`.
    outbox_bytes = 1024 * 1024,
    /// Whether a slow consumer is disconnected.
    disconnect = 0,
    /// `HubConfig::max_memory`; 0 for what is usual.
    max_memory = 0,
    /// `MemoryLimits::messages`.
    memory_messages = 100,
    /// `MemoryLimits::bytes`.
    memory_bytes = 256 * 1024,
    /// `HubConfig::empty_rooms`.
    empty_rooms = 100,
    /// `ServerConfig::max_connections`.
    max_connections = 10_000,
    /// `ServerConfig::max_per_address`; 0 for no limit.
    max_per_address = 0,
    /// `ConnectionConfig::idle_timeout` in milliseconds; 0 for none.
    idle_ms = 300_000,
    /// `ConnectionConfig::close_timeout` in milliseconds.
    close_ms = 5_000,
    /// `ConnectionConfig::linger` in milliseconds.
    linger_ms = 1_000,
    /// `ConnectionConfig::write_timeout` in milliseconds; 0 for none.
    write_ms = 300_000,
    /// `ConnectionConfig::rate_limit`, in frames for each second; 0 for none.
    rate = 0,
    /// `HubConfig::max_rooms`.
    max_rooms = 10_000,
    /// `HubConfig::max_members_per_room`.
    max_members = 100_000,
    /// `HubConfig::max_rooms_per_session`.
    max_rooms_each = 100,
    /// `HubConfig::max_parked`.
    max_parked = 1_000,
    /// `HubConfig::resume_grace` in milliseconds.
    grace_ms = 120_000,
    /// `ConnectionConfig::registration_timeout` in milliseconds.
    registration_ms = 10_000,
    /// `ServerConfig::connect_rate`, in connections for each second; 0 for none.
    connect_rate = 0,
    /// How often of a thousand times the system has no random bits for a session.
    no_bits = 0,
    /// How often of a thousand times a hook decides late.
    hook_late = 0,
    /// How often it says no.
    hook_denies = 0,
    /// How often it never answers.
    hook_silent = 0,
    /// How often it panics.
    hook_panics = 0,
    /// How often it puts things in other words.
    hook_rewrites = 0,
    /// Whether hooks also decide about guests, topics and last words, and see what happens.
    all_hooks = 0,
    /// `HubConfig::decision_timeout` in milliseconds.
    decision_ms = 5_000,
    /// `HubConfig::presence_delay` in milliseconds.
    presence_ms = 10,
    /// `ServerConfig::accept_delay` in milliseconds.
    accept_ms = 1,
    /// How many milliseconds a shutdown may take.
    shutdown_ms = 5_000,
    /// `Rates::window`.
    window = 64 * 1024,
    /// `Rates::latency`.
    latency = 0,
    /// `Rates::jitter`.
    jitter = 0,
    /// `Rates::short_read`.
    short_read = 0,
    /// `Rates::one_byte_read`.
    one_byte_read = 0,
    /// `Rates::spurious_read`.
    spurious_read = 0,
    /// `Rates::interrupted_read`.
    interrupted_read = 0,
    /// `Rates::short_write`.
    short_write = 0,
    /// `Rates::one_byte_write`.
    one_byte_write = 0,
    /// `Rates::spurious_write`.
    spurious_write = 0,
    /// `Rates::interrupted_write`.
    interrupted_write = 0,
    /// `Rates::stalled_flush`.
    stalled_flush = 0,
    /// `Rates::split`.
    split = 0,
    /// `Rates::coalesce`.
    coalesce = 0,
    /// `Rates::timer_skew`.
    timer_skew = 0,
    /// `Rates::late_wake`.
    late_wake = 0,
}

/// What is a rate, of a thousand times.
const RATES: &[&str] = &[
    "hesitates",
    "no_bits",
    "hook_late",
    "hook_denies",
    "hook_silent",
    "hook_panics",
    "hook_rewrites",
    "short_read",
    "one_byte_read",
    "spurious_read",
    "interrupted_read",
    "short_write",
    "one_byte_write",
    "spurious_write",
    "interrupted_write",
    "stalled_flush",
    "split",
    "coalesce",
    "timer_skew",
    "late_wake",
];

impl PlanConfig {
    /// Whether a setting of that name makes sense, and why not.
    pub(super) fn check(name: &str, value: u64) -> Result<(), String> {
        let (least, most) = match name {
            "clients" => (1, 10_000),
            "window" => (1, u64::MAX),
            "json" | "library" => (0, 2),
            "unix" | "detect" | "own_loop" | "disconnect" | "all_hooks" => (0, 1),
            "library_backpressure" | "library_jitter" | "library_insist" | "library_rejoin" => {
                (0, 1)
            }
            "library_outstanding" | "library_events" => (1, u64::MAX),
            rate if RATES.contains(&rate) => (0, 1_000),
            _ => (0, u64::MAX),
        };
        match (least..=most).contains(&value) {
            true => Ok(()),
            false if most == u64::MAX => Err(format!("{name} has to be at least {least}")),
            false => Err(format!("{name} has to be from {least} to {most}")),
        }
    }

    /// How bad the network is.
    pub(crate) fn rates(&self) -> Rates {
        let rate = |rate: u64| u32::try_from(rate).unwrap_or(u32::MAX);
        Rates {
            window: usize::try_from(self.window).unwrap_or(usize::MAX).max(1),
            // Where nothing takes time, a small window moves any number of bytes at one instant.
            latency: self.latency.max(1),
            jitter: self.jitter,
            short_read: rate(self.short_read),
            one_byte_read: rate(self.one_byte_read),
            spurious_read: rate(self.spurious_read),
            interrupted_read: rate(self.interrupted_read),
            short_write: rate(self.short_write),
            one_byte_write: rate(self.one_byte_write),
            spurious_write: rate(self.spurious_write),
            interrupted_write: rate(self.interrupted_write),
            stalled_flush: rate(self.stalled_flush),
            split: rate(self.split),
            coalesce: rate(self.coalesce),
            timer_skew: rate(self.timer_skew),
            late_wake: rate(self.late_wake),
        }
    }
}
