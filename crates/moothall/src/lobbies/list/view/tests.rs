//! A list alone: at every quiet point whoever watches has what the list is.

use moothall_protocol::lobbies::{HostKind, LobbyAccess, LobbyFilter, LobbyStatus, LobbySummary, RangeRule};
use moothall_protocol::{Timestamp, UserId};
use proptest::prelude::*;
use serde_json::Map;

use super::*;

fn lobby(number: usize) -> LobbyId {
    LobbyId::from_uuid(uuid::Uuid::from_u128(number as u128 + 1))
}

fn user(number: usize) -> UserId {
    UserId::from_uuid(uuid::Uuid::from_u128(number as u128 + 1))
}

/// How a lobby may look.
#[derive(Clone, Debug)]
struct Looks {
    number: usize,
    players: u32,
    name: String,
    is_hidden: bool,
    insider: usize,
}

fn card(looks: &Looks) -> Card {
    let summary = LobbySummary {
        id: lobby(looks.number),
        version: 1,
        name: looks.name.clone(),
        mode: "free".into(),
        map: None,
        host_id: user(looks.insider),
        host_kind: HostKind::Player,
        status: LobbyStatus::Waiting,
        access: if looks.is_hidden { LobbyAccess::InviteOnly } else { LobbyAccess::Open },
        has_password: false,
        is_locked: false,
        is_rated: true,
        tags: Vec::new(),
        players: looks.players,
        bots: 0,
        spectators: 0,
        queued: 0,
        seats: 8,
        free_seats: 8 - looks.players,
        properties: Map::new(),
        created_at: Timestamp::from_micros(looks.number as i64 % 5),
    };
    Card::new(summary, HashSet::from([user(looks.insider)]))
}

#[derive(Clone, Debug)]
enum Step {
    /// A lobby looks like this from now on.
    Put(Looks),
    Remove(usize),
    /// What is different is told.
    Tell,
    /// Somebody comes to watch.
    Come,
    /// This one misses the next differences, and is told how the whole is.
    Sleep(usize),
}

fn any_step() -> impl Strategy<Value = Step> {
    let looks = (0..24usize, 0..8u32, "[abA]{1,2}", any::<bool>(), 0..3usize).prop_map(
        |(number, players, name, is_hidden, insider)| Looks { number, players, name, is_hidden, insider },
    );
    prop_oneof![
        6 => looks.prop_map(Step::Put),
        2 => (0..24usize).prop_map(Step::Remove),
        3 => Just(Step::Tell),
        1 => Just(Step::Come),
        1 => (0..4usize).prop_map(Step::Sleep),
    ]
}

fn any_query() -> impl Strategy<Value = Query> {
    let order = prop::sample::select(vec![
        LobbyOrder::Newest,
        LobbyOrder::Players,
        LobbyOrder::FreeSeats,
        LobbyOrder::Name,
    ]);
    (order, 1..7usize, 0..5u32).prop_map(|(order, limit, least)| {
        let players = Some(RangeRule { least: Some(least), ..RangeRule::default() });
        let filter = Filter::new(LobbyFilter { players, ..LobbyFilter::default() }).unwrap();
        Query { filter, order, limit }
    })
}

/// What one who watches has.
#[derive(Default)]
struct Kept {
    lobbies: HashMap<LobbyId, Arc<Card>>,
    is_asleep: bool,
}

impl Kept {
    fn replace(&mut self, shown: Vec<Arc<Card>>) {
        self.lobbies = shown.into_iter().map(|card| (card.summary.id, card)).collect();
    }

    fn apply(&mut self, difference: &Difference) {
        for (id, card) in difference {
            match card {
                Some(card) => self.lobbies.insert(*id, Arc::clone(card)),
                None => self.lobbies.remove(id),
            };
        }
    }
}

/// The list, put together from nothing.
fn expected(query: &Query, viewer: Viewer, cards: &Cards) -> Vec<Arc<Card>> {
    let passes = |card: &&Arc<Card>| is_shown(cards, card, viewer) && query.filter.passes(card);
    let mut all: Vec<Arc<Card>> = cards.by_id.values().filter(passes).cloned().collect();
    all.sort_by_key(|card| card.key(query.order));
    all.truncate(query.limit);
    all
}

fn tell(view: &mut View, cards: &Cards, copies: &mut [Kept]) -> Difference {
    let difference = view.difference(cards);
    if !difference.is_empty() {
        for copy in copies {
            if std::mem::take(&mut copy.is_asleep) {
                copy.replace(view.told());
            } else {
                copy.apply(&difference);
            }
        }
    }
    difference
}

fn run(query: Query, viewer: Viewer, steps: Vec<Step>) {
    let mut cards = Cards::default();
    let query = Arc::new(query);
    let mut view = View::new(Arc::clone(&query), viewer, &cards);
    let mut copies = vec![Kept::default()];
    let mut changed = HashSet::new();
    for step in steps.into_iter().chain([Step::Tell]) {
        match step {
            Step::Put(looks) => {
                cards.replace(lobby(looks.number), Some(card(&looks)));
                changed.insert(lobby(looks.number));
            }
            Step::Remove(number) => {
                cards.replace(lobby(number), None);
                changed.insert(lobby(number));
            }
            Step::Tell => {
                changed.drain().for_each(|id| view.change(id, &cards));
                let difference = tell(&mut view, &cards, &mut copies);
                assert!(!view.is_due(), "so few fit into one");
                let expected = expected(&query, viewer, &cards);
                let mut ids: Vec<LobbyId> = expected.iter().map(|card| card.summary.id).collect();
                ids.sort_unstable();
                for copy in copies.iter().filter(|copy| !copy.is_asleep) {
                    let mut has: Vec<LobbyId> = copy.lobbies.keys().copied().collect();
                    has.sort_unstable();
                    assert_eq!(has, ids, "after {difference:?}");
                    for card in &expected {
                        assert!(Arc::ptr_eq(card, &copy.lobbies[&card.summary.id]), "it is as it is now");
                    }
                }
            }
            Step::Come => {
                changed.iter().for_each(|id| view.change(*id, &cards));
                let shown = view.show(&cards);
                let now = expected(&query, viewer, &cards);
                assert!(
                    shown.iter().map(Arc::as_ptr).eq(now.iter().map(Arc::as_ptr)),
                    "nobody is shown less"
                );
                let mut copy = Kept::default();
                copy.replace(shown);
                copies.push(copy);
            }
            Step::Sleep(number) => {
                if let Some(copy) = copies.get_mut(number) {
                    copy.is_asleep = true;
                }
            }
        }
        assert!(view.found.len() <= 3 * query.limit && view.found.len() == view.keys.len());
    }
}

proptest! {
    #[test]
    fn whoever_watches_has_what_the_list_is_once_it_is_told(
        query in any_query(),
        viewer in prop::sample::select(vec![Viewer::Anybody, Viewer::Staff, Viewer::User(user(1))]),
        steps in prop::collection::vec(any_step(), 1..80),
    ) {
        run(query, viewer, steps);
    }
}

/// What is told of a list of so many lobbies while these change before each time.
fn told_of(count: usize, changing: impl Fn(usize) -> Vec<usize>, times: usize) -> Vec<Vec<usize>> {
    let mut cards = Cards::default();
    let put = |cards: &mut Cards, number: usize, players: u32| {
        let looks = Looks { number, players, name: "a".into(), is_hidden: false, insider: 0 };
        cards.replace(lobby(number), Some(card(&looks)));
    };
    (0..count).for_each(|number| put(&mut cards, number, 1));
    let filter = Filter::new(LobbyFilter::default()).unwrap();
    let query = Query { filter, order: LobbyOrder::Name, limit: count };
    let mut view = View::new(Arc::new(query), Viewer::Anybody, &cards);
    let mut told = Vec::new();
    for time in 0..times {
        for number in changing(time) {
            put(&mut cards, number, time as u32 % 7);
            view.change(lobby(number), &cards);
        }
        let difference = view.difference(&cards);
        told.push(difference.keys().map(|id| id.uuid().as_u128() as usize - 1).collect());
    }
    told
}

#[test]
fn what_is_too_much_for_one_event_follows_with_the_next_and_all_have_their_turn() {
    let most = LOBBIES_TOLD_AT_ONCE_MAX;
    let count = 2 * most + 7;
    let told = told_of(count, |time| if time == 0 { (0..count).collect() } else { Vec::new() }, 4);
    assert_eq!(told.iter().map(Vec::len).collect::<Vec<_>>(), [most, most, 7, 0]);
    assert_eq!(told.concat(), (0..count).collect::<Vec<_>>(), "each once");
    // Those that always change do not hide the others.
    let told = told_of(count, |time| if time == 0 { (0..count).collect() } else { (0..most).collect() }, 4);
    for number in 0..count {
        assert!(told.iter().flatten().any(|told| *told == number), "{number} is never told");
    }
}
