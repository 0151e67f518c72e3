//! The party alone: driven at random through crashes, lost writes, repeated requests and clocks set back.

use moothall_protocol::Id;
use parking_lot::Mutex;

use super::*;
use crate::Random;
use crate::runtime::simulator::{self, Report, Simulated};
use crate::testing::seeds;

const USERS: u64 = 6;
const RULES: Rules = Rules { grace: Duration::from_secs(300), invite: Duration::from_secs(120) };

/// How often what happened, over all runs: a model of what never happens proves nothing.
static HAPPENED: Mutex<BTreeMap<PartyChange, u64>> = Mutex::new(BTreeMap::new());

fn user(number: u64) -> UserId {
    UserId::from_uuid(uuid::Uuid::from_u128(u128::from(number) + 1))
}

/// What the database holds of a party.
#[derive(Clone, Debug)]
pub(crate) struct Model {
    stored: store::Stored,
    has_ended: bool,
}

/// What callers were answered last.
#[derive(Debug, Default)]
pub(crate) struct Answered(Option<wire::Party>);

/// What a member believes who hears everything, and the versions that those who are invited were told since the last one.
#[derive(Debug)]
pub(crate) struct View(wire::Party);

impl Simulated for Party {
    type Stored = Model;
    type Promised = Answered;
    type View = View;

    fn create(id: PartyId, random: &dyn Random) -> Model {
        let now = Timestamp::from_micros(1_795_000_000_000_000);
        let card = Card {
            id,
            leader: user(0),
            code: "34679ACD".to_owned(),
            max_members: 2 + random.below(4) as u32,
            invites_by: InvitesBy::Members,
            is_open: random.below(2) == 0,
            follow_leader: true,
            room: Id::from_uuid(id.uuid()),
            version: 1,
            created_at: now,
        };
        let seat = Seat { number: 1, joined_at: now, is_ready: false, missing_since: None, visit: 0 };
        let (seats, invites) = ([(user(0), seat)].into(), BTreeMap::new());
        Model { stored: store::Stored { card, seats, invites }, has_ended: false }
    }

    fn apply(model: &mut Model, effect: &Effect) {
        assert!(!model.has_ended, "nothing happens in a party that has ended");
        let store::Stored { card, seats, invites } = &mut model.stored;
        match effect {
            Effect::Changed(changed) => {
                assert_eq!(changed.version, card.version + 1, "no version is left out or given twice");
                *card = (**changed).clone();
            }
            Effect::Entered { user, seat } => {
                let before = seats.insert(*user, kept(seat));
                assert_eq!(before, None, "nobody enters twice");
            }
            Effect::Gone { user, number } => {
                let seat = seats.remove(user).expect("only who is there can go");
                assert_eq!(seat.number, *number);
            }
            Effect::Readied { user, is_ready } => {
                seats.get_mut(user).expect("a member").is_ready = *is_ready;
            }
            Effect::Unreadied => seats.values_mut().for_each(|seat| seat.is_ready = false),
            Effect::Invited { user, invite } => {
                let before = invites.insert(*user, invite.clone());
                assert_eq!(before, None, "nobody is invited twice");
            }
            Effect::Uninvited { user } => {
                invites.remove(user).expect("only an invite that is there can go");
            }
            Effect::Ended { .. } => {
                assert!(seats.is_empty(), "a party with members has not ended");
                invites.clear();
                model.has_ended = true;
            }
        }
    }

    fn restore(_: PartyId, model: &Model) -> Self {
        Self { has_ended: model.has_ended, ..Self::new(model.stored.clone(), RULES) }
    }

    fn command(&self, model: &Model, random: &dyn Random) -> (Option<UserId>, Command) {
        let seats = &model.stored.seats;
        let anybody = user(random.below(USERS));
        let member = seats.keys().nth(random.below(seats.len().max(1) as u64) as usize);
        let member = member.copied().unwrap_or(anybody);
        let invited = model.stored.invites.keys().next().copied().unwrap_or(anybody);
        let leader = self.card.leader;
        let present: Vec<UserId> =
            seats.keys().copied().filter(|user| random.below(2) == 0 || *user == leader).collect();
        let is_last = seats.len() == 1 && random.below(20) > 0;
        // One in four by somebody who may not.
        let is_stray = random.below(4) == 0;
        let by = |user: UserId| Some(if is_stray { anybody } else { user });
        let visit = random.below(20) + 1;
        match random.below(40) {
            0..=5 => (by(member), Command::Invite { user: anybody }),
            6..=8 => (by(invited), Command::Accept),
            9 => (by(invited), Command::Decline),
            10 => (by(leader), Command::Cancel { user: invited }),
            11..=13 => (Some(anybody), Command::Join { code: self.card.code.clone() }),
            14 => (Some(anybody), Command::Join { code: "AAAAAAAA".to_owned() }),
            15 if !is_last => (by(member), Command::Leave { present }),
            16 => (by(leader), Command::Kick { user: member }),
            17..=18 => (by(leader), Command::Lead { user: member }),
            19..=21 => (by(member), Command::SetReady { is_ready: random.below(3) > 0 }),
            22 => {
                let invites_by = if random.below(2) == 0 { InvitesBy::Leader } else { InvitesBy::Members };
                let version = (random.below(2) == 0).then_some(self.card.version);
                let change = Change {
                    invites_by: Some(invites_by),
                    is_open: Some(random.below(2) == 0),
                    if_version: version,
                    ..Change::default()
                };
                (by(leader), Command::Update(change))
            }
            23 => (by(leader), Command::Renew { code: random.below(1 << 30).to_string() }),
            24 if !is_last => (None, Command::Gone { user: member, visit, present }),
            25 if !is_last => {
                let number = seats.get(&member).map_or(1, |seat| seat.number) - random.below(2) as i64;
                (None, Command::Moved { user: member, number, present })
            }
            26 => (None, Command::Recover),
            27 => (None, Command::Read),
            _ => (None, Command::Arrive { user: member, visit }),
        }
    }

    fn promised(_: &Model) -> Answered {
        Answered(None)
    }

    fn answer(answered: &mut Answered, _: Option<UserId>, _: &Command, reply: &Reply) {
        if let Reply::Party(party) = reply {
            answered.0 = Some((**party).clone());
        }
    }

    fn view(&self) -> View {
        View(self.show())
    }

    fn observe(View(view): &mut View, event: &Event) {
        match event {
            Event::PartyUpdated(PartyUpdated { change, party, .. }) => {
                assert_eq!(party.version, view.version + 1, "each version is told once, and in order");
                if party.code.is_some() {
                    *HAPPENED.lock().entry(*change).or_default() += 1;
                    *view = party.clone();
                }
            }
            Event::PartyJoined(party) => {
                assert!(party.code.is_some() && party.version == view.version, "{party:?} {view:?}");
            }
            _ => {}
        }
    }

    fn check(&self, model: &Model, answered: &Answered, View(view): &View) -> Result<(), String> {
        let stored = &model.stored;
        if self.has_ended != model.has_ended {
            return Err("it has ended, or not".to_owned());
        }
        if let Some(answer) = &answered.0 {
            let now = show(&stored.card, &stored.seats, &stored.invites);
            if now.version < answer.version
                || (now.version == answer.version && !self.has_ended && now != *answer)
            {
                return Err(format!("{answer:?} was answered, {now:?} is so"));
            }
        }
        if self.has_ended {
            return if stored.seats.is_empty() && stored.invites.is_empty() {
                Ok(())
            } else {
                Err("somebody is left in a party that has ended".to_owned())
            };
        }
        let seats: BTreeMap<UserId, Seat> =
            self.seats.iter().map(|(user, seat)| (*user, kept(seat))).collect();
        let is_stored = self.card == stored.card && seats == stored.seats && self.invites == stored.invites;
        let numbers: Vec<i64> = self.seats.values().map(|seat| seat.number).collect();
        let both = self.seats.keys().filter(|user| self.invites.contains_key(user)).count();
        for (is_right, what) in [
            (is_stored, "memory and database differ"),
            (self.seats.contains_key(&self.card.leader), "nobody leads"),
            (self.seats.len() + self.invites.len() <= self.card.max_members as usize, "too many"),
            (both == 0, "a member is invited"),
            (numbers.iter().all(|number| *number <= self.card.version), "somebody came in the future"),
            (self.show() == *view, "a member believes something else"),
        ] {
            if !is_right {
                return Err(format!("{what}: {self:?} {model:?} {view:?}"));
            }
        }
        Ok(())
    }
}

/// What is kept of a seat.
fn kept(seat: &Seat) -> Seat {
    Seat { missing_since: None, visit: 0, ..seat.clone() }
}

#[test]
fn a_party_keeps_its_promises_through_crashes_lost_writes_and_clocks_set_back() {
    let seeds = seeds(40);
    let is_one = seeds.end - seeds.start == 1;
    let mut all = Report::default();
    for seed in seeds {
        let report = simulator::run::<Party>(seed, 6, 1_200).unwrap_or_else(|failure| panic!("{failure}"));
        all.accepted += report.accepted;
        all.crashes += report.crashes;
        all.lost_writes += report.lost_writes;
        all.timers += report.timers;
        all.set_back += report.set_back;
    }
    let happened = HAPPENED.lock();
    eprintln!("{all:?} {happened:?}");
    let is_much = all.accepted > 5_000 && all.crashes > 500 && all.lost_writes > 50 && all.timers > 500;
    assert!(is_one || is_much && all.set_back > 100, "{all:?}");
    assert!(is_one || happened.len() == 12 && happened.values().all(|count| *count > 20), "{happened:?}");
}
