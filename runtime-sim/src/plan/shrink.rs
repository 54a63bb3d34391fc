use super::{Action, FaultKind, Plan, PlanConfig};
use crate::policy::Policy;

/// Other seeds that a smaller plan is tried with: dropping something moves all dice that are thrown after it.
const OTHER_SEEDS: std::ops::Range<u64> = 0..8;

/// The highest rates that plans are drawn with.
const MOST: [(&str, u64); 18] = [
    ("hesitates", 800),
    ("hook_late", 30),
    ("hook_denies", 30),
    ("hook_silent", 30),
    ("hook_panics", 30),
    ("short_read", 200),
    ("one_byte_read", 200),
    ("spurious_read", 200),
    ("interrupted_read", 200),
    ("short_write", 200),
    ("one_byte_write", 200),
    ("spurious_write", 200),
    ("interrupted_write", 200),
    ("stalled_flush", 200),
    ("split", 200),
    ("coalesce", 200),
    ("timer_skew", 200),
    ("late_wake", 200),
];

/// Makes a plan smaller as long as `fails` says that it still fails in the same way: drops clients,
/// faults, deeds and operations, takes settings back to what is usual, and then simplifies what is left. Where
/// that depends on chance, it lets faults strike more often, or throws other dice. Tries at most `tries` plans.
pub fn shrink(plan: &Plan, tries: usize, mut fails: impl FnMut(&Plan) -> bool) -> Plan {
    let mut shrinker = Shrinker {
        best: plan.clone(),
        tries,
        fails: &mut fails,
    };
    loop {
        let before = shrinker.best.clone();
        shrinker.drop_clients();
        shrinker.drop_each(|plan| &mut plan.faults);
        shrinker.drop_each(|plan| &mut plan.deeds);
        shrinker.drop_operations();
        shrinker.say_at_once();
        shrinker.take_settings_back();
        shrinker.simplify();
        if shrinker.best == before {
            shrinker.let_faults_strike();
            shrinker.throw_other_dice();
            shrinker.number_clients_anew();
        }
        if shrinker.best == before || shrinker.tries == 0 {
            return shrinker.best;
        }
    }
}

struct Shrinker<'a> {
    best: Plan,
    tries: usize,
    fails: &'a mut dyn FnMut(&Plan) -> bool,
}

impl Shrinker<'_> {
    /// Keeps `plan` if it still fails.
    fn try_plan(&mut self, plan: Plan) -> bool {
        if self.tries == 0 || plan == self.best {
            return false;
        }
        self.tries -= 1;
        let fails = (self.fails)(&plan);
        if fails {
            self.best = plan;
        }
        fails
    }

    /// The same, with its seed or another.
    fn try_seeds(&mut self, plan: Plan) -> bool {
        std::iter::once(plan.seed).chain(OTHER_SEEDS).any(|seed| {
            self.try_plan(Plan {
                seed,
                ..plan.clone()
            })
        })
    }

    fn drop_clients(&mut self) {
        for client in (0..u32::try_from(self.best.config.clients).unwrap_or(0)).rev() {
            let mut plan = self.best.clone();
            plan.operations
                .retain(|operation| operation.client != client);
            self.try_plan(plan);
        }
    }

    /// Drops each thing of one kind that is not needed, the first ones first.
    fn drop_each<T>(&mut self, of: fn(&mut Plan) -> &mut Vec<T>) {
        let mut index = 0;
        while index < of(&mut self.best).len() {
            let mut plan = self.best.clone();
            of(&mut plan).remove(index);
            if !self.try_plan(plan) {
                index += 1;
            }
        }
    }

    fn drop_operations(&mut self) {
        self.drop_operations_if(Self::try_plan);
    }

    /// Drops runs of operations, long ones first, if `try_plan` says so.
    fn drop_operations_if(&mut self, try_plan: fn(&mut Self, Plan) -> bool) {
        let mut len = self.best.operations.len().div_ceil(2);
        while len > 0 {
            let mut start = 0;
            while start < self.best.operations.len() {
                let mut plan = self.best.clone();
                let end = (start + len).min(plan.operations.len());
                plan.operations.drain(start..end);
                if !try_plan(self, plan) {
                    start += len;
                }
            }
            len /= 2;
        }
    }

    /// Lets clients say in one write what they say one after the other.
    fn say_at_once(&mut self) {
        let mut index = 0;
        while let Some(operation) = self.best.operations.get(index).copied() {
            let later = self.best.operations.iter().skip(index + 1);
            let next = later
                .enumerate()
                .find(|(_, next)| next.client == operation.client);
            if let Some((distance, next)) = next
                && let Some((times, len)) = lines_of(operation.action)
                && let Some((more, longer)) = lines_of(next.action)
            {
                let mut plan = self.best.clone();
                plan.operations[index].action =
                    Action::Burst(times.saturating_add(more), len.max(longer));
                plan.operations.remove(index + 1 + distance);
                if self.try_plan(plan) {
                    continue;
                }
            }
            index += 1;
        }
    }

    fn take_settings_back(&mut self) {
        let default = PlanConfig::default();
        for (name, usual) in default.numbers() {
            let mut plan = self.best.clone();
            if name != "clients"
                && let Some(place) = plan.config.number_mut(name)
            {
                *place = usual;
                self.try_plan(plan);
            }
        }
        for policy in [Policy::Fifo, Policy::Random] {
            let mut plan = self.best.clone();
            plan.config.policy = policy;
            // Never back again: that would go on for ever.
            if policy == self.best.config.policy || self.try_plan(plan) {
                break;
            }
        }
    }

    /// Where a fault is needed that seldom strikes, what comes before it is needed until it does. So it strikes as
    /// often as it ever does in a drawn plan.
    fn let_faults_strike(&mut self) {
        for (name, most) in MOST {
            let mut plan = self.best.clone();
            if let Some(place) = plan.config.number_mut(name)
                && (1..most).contains(place)
            {
                *place = most;
                self.try_seeds(plan);
            }
        }
    }

    fn throw_other_dice(&mut self) {
        self.drop_operations_if(Self::try_seeds);
    }

    /// Gives the clients that are left the first numbers.
    fn number_clients_anew(&mut self) {
        let mut clients: Vec<_> = self.best.operations.iter().map(|op| op.client).collect();
        clients.sort_unstable();
        clients.dedup();
        let number = |client: &mut u32| {
            let place = clients.binary_search(client).ok();
            let place = place.and_then(|place| u32::try_from(place).ok());
            *client = place.unwrap_or(*client);
        };
        let mut plan = self.best.clone();
        plan.config.clients = clients.len().max(1) as u64;
        for operation in &mut plan.operations {
            number(&mut operation.client);
        }
        for fault in &mut plan.faults {
            if let Some(client) = struck_client(&mut fault.kind) {
                number(client);
            }
        }
        self.try_plan(plan);
    }

    fn simplify(&mut self) {
        for index in 0..self.best.operations.len() {
            for action in simpler(self.best.operations[index].action) {
                let mut plan = self.best.clone();
                plan.operations[index].action = action;
                self.try_plan(plan);
            }
            // As early as the one before, and then at a round number.
            let before = index
                .checked_sub(1)
                .map_or(0, |i| self.best.operations[i].at);
            let at = self.best.operations[index].at;
            for at in [before, at - at % 1_000] {
                let mut plan = self.best.clone();
                plan.operations[index].at = at.max(before);
                if self.try_plan(plan) {
                    break;
                }
            }
        }
        for index in 0..self.best.faults.len() {
            for kind in simpler_fault(self.best.faults[index].kind) {
                let mut plan = self.best.clone();
                plan.faults[index].kind = kind;
                self.try_plan(plan);
            }
        }
    }
}

/// How many things somebody says to a room, and how long each is.
fn lines_of(action: Action) -> Option<(u32, u32)> {
    match action {
        Action::Say(len) => Some((1, len)),
        Action::Burst(times, len) => Some((times, len)),
        _ => None,
    }
}

fn simpler(action: Action) -> Vec<Action> {
    match action {
        Action::Say(len) if len > 1 => vec![Action::Say(1), Action::Say(len / 2)],
        Action::Burst(times, len) => vec![
            Action::Say(len),
            Action::Burst(times / 2, len),
            Action::Burst(times.saturating_sub(1), len),
            Action::Burst(times, len / 2),
            Action::Burst(times, 1),
        ],
        Action::Act(len) => vec![Action::Say(len)],
        Action::Private(to, len) if len > 1 => vec![Action::Private(to, 1)],
        Action::Nick(nick) if nick > 0 => vec![Action::Nick(0), Action::Nick(nick / 2)],
        Action::Join(room) if room > 0 => vec![Action::Join(0), Action::Join(room / 2)],
        Action::Leave(room) if room > 0 => vec![Action::Leave(0), Action::Leave(room / 2)],
        Action::History(count) if count > 1 => {
            vec![Action::History(1), Action::History(count / 2)]
        }
        Action::Topic(len) if len > 1 => vec![Action::Topic(1)],
        Action::Cut(len) if len > 1 => vec![Action::Cut(1)],
        Action::Help(times) if times > 1 => vec![Action::Help(1), Action::Help(times / 2)],
        Action::Recall(times) if times > 1 => vec![Action::Recall(1), Action::Recall(times / 2)],
        Action::Hop(times) if times > 1 => vec![Action::Hop(1), Action::Hop(times / 2)],
        Action::Quit(len) if len > 0 => vec![Action::Quit(0)],
        Action::Rubbish(len) if len > 1 => vec![Action::Rubbish(1), Action::Rubbish(len / 2)],
        Action::Drip(len) => vec![Action::Say(len)],
        Action::Storm(times) if times > 1 => vec![Action::Storm(1), Action::Storm(times / 2)],
        Action::Pause(ms) if ms > 1 => vec![Action::Pause(ms / 2)],
        _ => Vec::new(),
    }
}

fn simpler_fault(kind: FaultKind) -> Vec<FaultKind> {
    match kind {
        FaultKind::Clog(client, way, ms) if ms > 1 => vec![FaultKind::Clog(client, way, ms / 2)],
        FaultKind::Partition(client, way, ms) => vec![FaultKind::Clog(client, way, ms)],
        FaultKind::ResetWithin(client, ..) => vec![FaultKind::Reset(client)],
        FaultKind::DropFuture(client, polls) if polls > 0 => {
            vec![FaultKind::DropFuture(client, 0)]
        }
        _ => Vec::new(),
    }
}

/// The client that a fault strikes, if it is one client.
fn struck_client(kind: &mut FaultKind) -> Option<&mut u32> {
    match kind {
        FaultKind::Clog(client, ..)
        | FaultKind::Partition(client, ..)
        | FaultKind::Reset(client)
        | FaultKind::ResetWithin(client, ..)
        | FaultKind::DropFuture(client, _) => Some(client),
        _ => None,
    }
}
