use super::{Action, Deed, DeedKind, Fault, FaultKind, Operation, Plan, PlanConfig};
use crate::net::Way;
use crate::policy::Policy;
use crate::random::{Purpose, Random};

/// How much a drawn plan does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Size {
    /// What the seed says: from a handful of operations to a thousand.
    Drawn,
    /// Ten clients that say a hundred things each within two minutes, for measuring.
    TenByHundred,
}

impl Plan {
    /// The plan of a seed: sizes, limits and rates are drawn anew for each, and about half of the faults
    /// are off in each, so that the others get further.
    pub fn from_seed(seed: u64) -> Self {
        Self::drawn(seed, Size::Drawn)
    }

    /// As [`from_seed`](Plan::from_seed), of a given size.
    pub fn drawn(seed: u64, size: Size) -> Self {
        let mut random = Random::new(seed, Purpose::Workload);
        let mut plan = Self {
            seed,
            config: draw_config(&mut random, size),
            operations: Vec::new(),
            faults: Vec::new(),
            deeds: Vec::new(),
        };
        let span = match size {
            Size::Drawn => 1_000 * *random.pick(&[10, 100, 1_000, 1_000, 10_000]),
            Size::TenByHundred => 120_000_000,
        };
        let count = match size {
            Size::Drawn => plan.config.clients * *random.pick(&[2, 5, 10, 20, 40]),
            Size::TenByHundred => plan.config.clients * 100,
        };
        let mut mix = Mix::draw(&mut random, size);
        if plan.config.window < 16 {
            mix.answers = 5;
            mix.burst = 4 * 1_024;
        }
        for _ in 0..count {
            let client = small(random.below(plan.config.clients));
            let at = random.below(span);
            let action = mix.action(&mut random);
            plan.operations.push(Operation { at, client, action });
        }
        plan.operations.sort_by_key(|operation| operation.at);
        if size == Size::Drawn {
            plan.draw_faults(&mut random, span);
            plan.draw_deeds(&mut random, span);
            plan.draw_hooks(&mut random);
            plan.draw_memory(&mut random);
            plan.draw_interrupted(&mut random);
            plan.config.presence_ms = *random.pick(&[10, 10, 10, 0, 1, 100, 1_000]);
            plan.draw_library(&mut Random::new(seed ^ 0x11b0, Purpose::Workload), span);
            plan.draw_detection(&mut Random::new(seed ^ 0xde7e, Purpose::Workload));
            plan.draw_whispers(&mut Random::new(seed ^ 0x3a15, Purpose::Workload), span);
            let mut random = Random::new(seed ^ 0x1a7e, Purpose::Workload);
            plan.config.late_wake = *random.pick(&[0, 0, 0, 10, 200]);
            let mut random = Random::new(seed ^ 0xacce, Purpose::Workload);
            plan.config.accept_ms = *random.pick(&[1, 1, 1, 0, 10, 100]);
        }
        plan
    }

    /// In some of the plans that shut the server down, everybody is about to say something then.
    fn draw_interrupted(&mut self, random: &mut Random) {
        let mut faults = self.faults.iter();
        let shutdown = faults.find(|fault| fault.kind == FaultKind::Shutdown);
        let Some(&Fault { at, .. }) = shutdown.filter(|_| random.below(3) == 0) else {
            return;
        };
        for client in 0..small(self.config.clients) {
            let action = Action::Say(small(random.between(1, 60)));
            // So that it arrives at about that time.
            let early = 1 + self.config.latency + random.below(2);
            let at = at.saturating_sub(early);
            self.operations.push(Operation { at, client, action });
        }
        self.operations.sort_by_key(|operation| operation.at);
    }

    /// In some plans everybody has something to say to one person in private, who does not hear it for a while and has little
    /// room for it.
    fn draw_whispers(&mut self, random: &mut Random, span: u64) {
        /// A nick that nobody takes otherwise.
        const NICK: u32 = 20;

        if random.below(16) > 0 {
            return;
        }
        self.config.window = self.config.window.min(256);
        self.config.outbox_messages = *random.pick(&[3, 5, 10]);
        let client = small(random.below(self.config.clients));
        let start = random.below(span);
        let action = Action::Nick(NICK);
        let at = start.saturating_sub(50_000);
        self.operations.push(Operation { at, client, action });
        let kind = FaultKind::Partition(client, Way::Down, 1_000);
        self.faults.push(Fault { at: start, kind });
        self.faults.sort_by_key(|fault| fault.at);
        for client in 0..small(self.config.clients) {
            for _ in 0..random.between(1, 10) {
                let at = start + random.below(500_000);
                let action = Action::Private(NICK, small(random.between(1, 60)));
                self.operations.push(Operation { at, client, action });
            }
        }
        self.operations.sort_by_key(|operation| operation.at);
    }

    /// Which programs use the client library, and how that is set up.
    fn draw_library(&mut self, random: &mut Random, span: u64) {
        let config = &mut self.config;
        config.library = *random.pick(&[0, 0, 0, 1, 2]);
        if config.library == 0 || config.json == 0 {
            config.library = 0;
            return;
        }
        let mut maybe = |place: &mut u64, choices: &[u64]| {
            if random.below(2) == 0 {
                *place = *random.pick(choices);
            }
        };
        maybe(&mut config.library_outstanding, &[1, 2, 10]);
        maybe(&mut config.library_events, &[1, 3, 20]);
        maybe(&mut config.library_backpressure, &[0, 1]);
        maybe(&mut config.library_connect_ms, &[10, 500]);
        maybe(&mut config.library_ping_ms, &[20, 300, 2_000]);
        maybe(&mut config.library_close_ms, &[0, 10, 500]);
        maybe(&mut config.library_backoff_ms, &[1, 20, 100]);
        maybe(&mut config.library_jitter, &[0]);
        maybe(&mut config.library_attempts, &[1, 3, 10]);
        maybe(&mut config.library_insist, &[1]);
        maybe(&mut config.library_rejoin, &[0]);
        if random.below(2) == 0 {
            self.draw_losses(random, span);
        }
    }

    /// What makes them lose connections, one soon after the other, and sessions, and what they do then.
    fn draw_losses(&mut self, random: &mut Random, span: u64) {
        let config = &mut self.config;
        config.library_rejoin = 1;
        if random.below(2) == 0 {
            config.grace_ms = *random.pick(&[0, 1, 50]);
        }
        // So that a silence may be over before the plan is.
        config.library_ping_ms = *random.pick(&[20, 300, 500]);
        let silence = config.library_ping_ms;
        for _ in 0..*random.pick(&[2, 5, 10]) {
            let client = small(random.below(self.config.clients));
            let at = random.below(span);
            let way = *random.pick(&[Way::Up, Way::Down, Way::Both]);
            let ms = small(random.between(silence, 8 * silence));
            let kind = match random.below(2) {
                0 => FaultKind::Partition(client, way, ms),
                _ => FaultKind::Reset(client),
            };
            self.faults.push(Fault { at, kind });
            if random.below(2) == 0 {
                let at = at + 1_000 * random.below(200);
                let kind = FaultKind::ResetWithin(client, way, small(random.below(400)));
                self.faults.push(Fault { at, kind });
            }
            // Something is said while there is no connection, and some of it taken back.
            let mut at = at;
            for action in [Action::Say(10), Action::Cut(10), Action::Say(10)] {
                at += random.below(20_000);
                self.operations.push(Operation { at, client, action });
            }
        }
        self.faults.sort_by_key(|fault| fault.at);
        self.operations.sort_by_key(|operation| operation.at);
    }

    /// Whether both protocols are served on the same listeners, and how often clients hesitate there.
    fn draw_detection(&mut self, random: &mut Random) {
        self.config.detect = *random.pick(&[0, 0, 1]);
        if self.config.detect > 0 {
            self.config.hesitates = *random.pick(&[0, 50, 300, 800]);
        }
    }

    /// How much memory there is: as much as one likes in most plans.
    fn draw_memory(&mut self, random: &mut Random) {
        if random.below(4) == 0 {
            self.config.max_memory = 1_024 * *random.pick(&[1, 16, 64, 256, 1_024]);
            let mut random = Random::new(self.seed ^ 0x5107, Purpose::Workload);
            self.config.disconnect = *random.pick(&[0, 0, 1]);
        }
    }

    /// Which hooks there are, and how often they put things otherwise.
    fn draw_hooks(&mut self, random: &mut Random) {
        self.config.all_hooks = random.below(2);
        self.config.hook_rewrites = *random.pick(&[0, 0, 0, 5, 30]);
        // So that the program does something while something is decided about.
        if !self.deeds.is_empty() && random.below(4) == 0 {
            self.config.hook_late = 200;
        }
    }

    /// What the program does itself: nothing in half of the plans.
    fn draw_deeds(&mut self, random: &mut Random, span: u64) {
        let count = *random.pick(&[0, 0, 0, 0, 2, 5, 10, 30]);
        let on: Vec<bool> = (0..8).map(|_| random.below(3) > 0).collect();
        for _ in 0..count {
            let which = random.index(on.len());
            // The first two spellings are those of the room where people start.
            let rooms = *random.pick(&[1, 2, 2, 4, 8]);
            let room = small(random.below(rooms));
            let nick = match random.below(4) {
                0 => random.below(12),
                // Those from 24 on are guests.
                _ => 24 + random.below(self.config.clients + 1),
            };
            let nick = small(nick);
            let longest = *random.pick(&[1, 60, 600]);
            let len = small(random.below(longest));
            let kind = match which {
                0 => DeedKind::Publish(room, len.max(1)),
                1 => DeedKind::SetTopic(room, len),
                2 => DeedKind::Kick(room, nick, len),
                3 => DeedKind::Disconnect(nick, len),
                4 => DeedKind::CloseRoom(room, len),
                5 => DeedKind::Subscribe(room, small(*random.pick(&[0, 0, 1, 20, 500]))),
                6 => DeedKind::Unsubscribe(small(random.below(4))),
                _ => DeedKind::Look(room),
            };
            let at = random.below(span);
            if on[which] {
                self.deeds.push(Deed { at, kind });
            }
        }
        self.deeds.sort_by_key(|deed| deed.at);
    }

    fn draw_faults(&mut self, random: &mut Random, span: u64) {
        let on: Vec<bool> = (0..12).map(|_| random.below(2) == 0).collect();
        let count = *random.pick(&[0, 0, 2, 5, 10, 20]);
        for _ in 0..count {
            let which = random.index(on.len());
            if !on[which] {
                continue;
            }
            let client = small(random.below(self.config.clients));
            let way = *random.pick(&[Way::Up, Way::Down, Way::Both]);
            let ms = small(random.between(1, 1 + span / 2_000));
            let bytes = small(random.below(400));
            let kind = match which {
                0 | 1 => FaultKind::Clog(client, way, ms),
                2 => FaultKind::Partition(client, way, ms),
                3 => FaultKind::Reset(client),
                4 | 5 => FaultKind::ResetWithin(client, way, bytes),
                6 => FaultKind::Refuse(ms),
                7 => FaultKind::Slow(ms, small(random.between(1, 200))),
                8 => FaultKind::AcceptErrors(small(random.between(1, 8))),
                9 => FaultKind::AcceptAborts(small(random.between(1, 8))),
                10 => FaultKind::DropFuture(client, small(random.below(20))),
                _ => FaultKind::WallClockBack(ms),
            };
            let at = random.below(span);
            self.faults.push(Fault { at, kind });
        }
        let end = match random.below(10) {
            0..=2 => Some(FaultKind::Shutdown),
            3 => Some(FaultKind::DropServer),
            _ => None,
        };
        if let Some(kind) = end {
            let at = span / 2 + random.below(span / 2);
            self.faults.push(Fault { at, kind });
        }
        self.faults.sort_by_key(|fault| fault.at);
    }
}

fn small(number: u64) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

fn draw_config(random: &mut Random, size: Size) -> PlanConfig {
    let mut config = PlanConfig {
        clients: match size {
            Size::Drawn => random.between(1, 12),
            Size::TenByHundred => 10,
        },
        unix: random.below(2),
        json: match size {
            Size::Drawn => *random.pick(&[0, 1, 1, 2]),
            Size::TenByHundred => 0,
        },
        own_loop: random.below(2),
        policy: match random.below(8) {
            0 | 1 => Policy::Random,
            2 => Policy::Fifo,
            3 => Policy::Lifo,
            4 | 5 => Policy::Priorities {
                changes: small(random.below(20)),
            },
            _ => Policy::Starve {
                task: random.between(1, 20),
                hold: random.between(1, 20_000),
            },
        },
        ..PlanConfig::default()
    };
    // Half of everything is as usual in any plan.
    let mut maybe = |place: &mut u64, choices: &[u64]| {
        if random.below(2) == 0 {
            *place = *random.pick(choices);
        }
    };
    maybe(&mut config.outbox_messages, &[1, 2, 3, 4, 8, 16, 64]);
    maybe(
        &mut config.outbox_bytes,
        &[64, 128, 300, 1_000, 4_000, 16_000],
    );
    maybe(&mut config.disconnect, &[0, 0, 1]);
    maybe(&mut config.memory_messages, &[0, 1, 2, 10]);
    maybe(&mut config.memory_bytes, &[0, 100, 1_000]);
    maybe(&mut config.empty_rooms, &[0, 1, 2]);
    maybe(&mut config.max_connections, &[1, 3, 8, 16]);
    maybe(&mut config.max_per_address, &[1, 2, 3]);
    maybe(&mut config.idle_ms, &[0, 50, 500, 2_000]);
    maybe(&mut config.close_ms, &[0, 10, 100]);
    maybe(&mut config.linger_ms, &[0, 10, 100]);
    maybe(&mut config.write_ms, &[0, 10, 200, 2_000]);
    maybe(&mut config.rate, &[0, 0, 0, 1, 20]);
    maybe(&mut config.max_rooms, &[1, 2, 3]);
    maybe(&mut config.max_members, &[1, 2, 5]);
    maybe(&mut config.max_rooms_each, &[1, 2, 3]);
    maybe(&mut config.max_parked, &[0, 1, 3]);
    maybe(&mut config.grace_ms, &[0, 1, 50, 500, 5_000]);
    maybe(&mut config.registration_ms, &[1, 100, 1_000]);
    maybe(&mut config.connect_rate, &[0, 0, 1, 3, 20]);
    maybe(&mut config.no_bits, &[0, 0, 50]);
    for place in [
        &mut config.hook_late,
        &mut config.hook_denies,
        &mut config.hook_silent,
        &mut config.hook_panics,
    ] {
        maybe(place, &[0, 0, 5, 30]);
    }
    maybe(&mut config.decision_ms, &[1, 10, 100]);
    maybe(&mut config.shutdown_ms, &[0, 1, 50]);
    maybe(
        &mut config.window,
        &[1, 16, 100, 500, 2_000, 16_000, 1_000_000],
    );
    maybe(&mut config.latency, &[1, 100, 2_000, 50_000]);
    maybe(&mut config.jitter, &[1, 100, 10_000]);
    for place in [
        &mut config.short_read,
        &mut config.one_byte_read,
        &mut config.spurious_read,
        &mut config.interrupted_read,
        &mut config.short_write,
        &mut config.one_byte_write,
        &mut config.spurious_write,
        &mut config.interrupted_write,
        &mut config.stalled_flush,
        &mut config.split,
        &mut config.coalesce,
        &mut config.timer_skew,
    ] {
        maybe(place, &[0, 10, 50, 200]);
    }
    if size != Size::Drawn {
        let usual = PlanConfig::default();
        config.window = usual.window;
        config.max_connections = usual.max_connections;
        config.max_per_address = usual.max_per_address;
        config.idle_ms = usual.idle_ms;
        config.disconnect = usual.disconnect;
        config.write_ms = usual.write_ms;
        config.rate = usual.rate;
        config.max_members = usual.max_members;
        config.connect_rate = usual.connect_rate;
        config.hook_silent = usual.hook_silent;
        config.hook_panics = usual.hook_panics;
        config.hook_denies = usual.hook_denies;
    }
    config
}

/// How often clients do what, in one plan.
struct Mix {
    weights: [u64; 29],
    rooms: u64,
    nicks: u64,
    length: u64,
    /// How long all that is said in one write is at most, in bytes: a few long things, or many short ones.
    burst: u64,
    /// How many answers somebody asks for at a time, at most. Thousands of them, a byte at a time, would take minutes.
    answers: u64,
}

impl Mix {
    fn draw(random: &mut Random, size: Size) -> Self {
        let mut weights = [0; 29];
        for weight in &mut weights {
            // Half of what there is to do is left out of each plan.
            *weight = random.below(2) * random.between(1, 4);
        }
        // People talk, most of the time.
        weights[1] += 20;
        if size != Size::Drawn {
            weights = [0; 29];
            weights[1] = 1;
        }
        Self {
            weights,
            rooms: random.between(1, 4),
            nicks: random.between(2, 12),
            length: match size {
                Size::Drawn => *random.pick(&[1, 10, 60, 60, 300, 3_000]),
                Size::TenByHundred => 120,
            },
            burst: 24 * 1_024,
            answers: 400,
        }
    }

    fn action(&self, random: &mut Random) -> Action {
        let mut left = random.below(self.weights.iter().sum());
        let mut which = 0;
        for (index, &weight) in self.weights.iter().enumerate() {
            which = index;
            if left < weight {
                break;
            }
            left -= weight;
        }
        let len = small(random.between(1, self.length));
        let few = small(random.between(1, 8));
        match which {
            0 => Action::Connect,
            1 => Action::Say(len),
            2 => {
                let times = random.between(2, 40);
                let longest = (self.burst / times).max(1);
                Action::Burst(small(times), len.min(small(longest)))
            }
            3 => Action::Act(len),
            4 => {
                // Those from 24 on are guests.
                let named = random.below(self.nicks);
                let to = *random.pick(&[named, 24, 25, 26, 27, 28, 30]);
                Action::Private(small(to), len)
            }
            5 => Action::Join(small(random.below(self.rooms * 2))),
            6 => Action::Nick(small(random.below(self.nicks))),
            7 => Action::Who,
            8 => Action::Rooms,
            9 => Action::History(small(random.between(1, 120))),
            10 => Action::Help(small(random.between(1, 400).min(self.answers))),
            11 => Action::Quit(len - 1),
            12 => Action::Blank,
            13 => Action::Rubbish(len),
            14 => Action::Line(small(random.between(4_090, 4_110))),
            15 => Action::Cut(len),
            16 => Action::HalfClose,
            17 => Action::Vanish,
            18 => Action::Pause(small(random.between(1, 2_000))),
            19 => Action::Deaf,
            20 => Action::Drip(len.min(60)),
            21 => Action::Storm(few),
            22 => Action::Hop(few),
            23 => Action::Recall(small(random.between(1, 80).min(self.answers))),
            24 => Action::Leave(small(random.below(self.rooms * 2))),
            25 => Action::Topic(len - 1),
            26 => Action::Again,
            27 => Action::TakeOver,
            _ => Action::Odd(small(random.below(100))),
        }
    }
}
