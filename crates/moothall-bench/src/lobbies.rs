//! Lobbies: what they cost to make and to use, to be watched in lists, and to have.

use std::time::Duration;

use anyhow::{Context as _, Result};
use moothall_protocol::LobbyId;
use moothall_protocol::accounts::{GetMe, SignedIn};
use moothall_protocol::lobbies::{JoinLobby, OpenLobby, SeatWish, TeamsShape};

use crate::Bench;
use crate::load::{call_all, guests, run, sockets};
use crate::process::{Meter, Spent};
use crate::report::Figure;
use crate::server::Server;
use crate::storms::each;
use crate::swarm::Swarm;
use crate::talk::{Hearing, Source, Talker, at_rate_unchecked};

const QUIET: Duration = Duration::from_secs(1);
/// Lists that are watched. Each lobby is in one of them.
const LISTS: usize = 10;
/// Lobbies that change in a second, for as many as are measured in full.
const CHANGES: f64 = 200.0;
/// Players of a lobby.
const MEMBERS: usize = 16;

/// A lobby of two teams of eight, found by this tag.
fn opening(list: usize) -> OpenLobby {
    OpenLobby {
        name: "Bench".to_owned(),
        mode: "free".to_owned(),
        host_kind: None,
        on_host_loss: None,
        access: None,
        password: None,
        map: None,
        teams: Some(TeamsShape { count: 2, size: MEMBERS as u32 / 2 }),
        is_rated: None,
        has_bosses: None,
        tags: vec![format!("list{list}")],
        properties: None,
    }
}

/// Has each of these open a lobby.
async fn open(server: &Server, hosts: &[SignedIn]) -> Result<Vec<LobbyId>> {
    let calls = hosts.iter().enumerate().map(|(number, host)| (host, opening(number % LISTS)));
    let opened = call_all(server, calls.collect()).await?;
    Ok(opened.into_iter().map(|own| own.lobby.id).collect())
}

/// What one operation costs, over sockets, by one player in each lobby.
pub fn operations(bench: &Bench, name: &str) -> Result<Vec<Figure>> {
    let count = bench.of(2_000, 20) as usize;
    let server = Server::start(&bench.server)?;
    let guests = run(guests(&server, 2 * count))?;
    let (mut swarm, _) = sockets(&server, &guests)?;
    let mut hearing = Hearing::new()?;
    hearing.until_quiet(&mut swarm, QUIET)?;
    let opening = r#"{"name":"Bench","mode":"free","teams":{"count":2,"size":8}}"#;
    let hosts = (0..count).map(|socket| Talker::new(socket, "lobbies.open", opening));
    let mut figures = vec![spent(&server, &mut swarm, &mut hearing, hosts.collect(), name, "open")?];
    // By now each has one, and says which.
    let lobbies = run(async {
        let hosts = guests.get(..count).context("hosts")?;
        let calls = hosts.iter().map(|host| (host, moothall_protocol::lobbies::MyLobbies {}));
        let mine = call_all(&server, calls.collect()).await?;
        mine.into_iter().map(|own| Ok(own.lobby.context("a lobby")?.lobby.id)).collect::<Result<Vec<_>>>()
    })?;
    for (operation, by_host, more) in [
        ("join", false, r#","wish":"play""#),
        ("update", true, r#","properties":{"public":{"level":7}}"#),
        ("leave", false, ""),
    ] {
        let talkers = lobbies.iter().enumerate().map(|(number, lobby)| {
            let socket = if by_host { number } else { count + number };
            let input = format!(r#"{{"lobby_id":"{lobby}"{more}}}"#);
            Talker::new(socket, &format!("lobbies.{operation}"), &input)
        });
        figures.push(spent(&server, &mut swarm, &mut hearing, talkers.collect(), name, operation)?);
    }
    Ok(figures)
}

/// What it costs that each of these does so once, and that all who are concerned hear of it.
fn spent(
    server: &Server,
    swarm: &mut Swarm,
    hearing: &mut Hearing,
    talkers: Vec<Talker>,
    name: &str,
    operation: &str,
) -> Result<Figure> {
    let count = talkers.len() as u64;
    let meter = Meter::start(&server.process)?;
    each(swarm, hearing, talkers)?;
    hearing.until_quiet(swarm, QUIET)?;
    Ok(Figure::cpu(format!("{name}: {operation}"), meter.spent()?, count))
}

/// CPU for each who watches and each change, where everybody watches a tenth of the lobbies and where all watch the newest.
pub fn watched(bench: &Bench, name: &str) -> Result<Vec<Figure>> {
    let (watchers, count) = (bench.of(10_000, 40) as usize, bench.of(2_000, 40) as usize);
    let server = Server::start(&bench.server)?;
    let (guests, lobbies) = run(async {
        let guests = guests(&server, watchers + count).await?;
        let lobbies = open(&server, guests.get(watchers..).context("hosts")?).await?;
        Ok((guests, lobbies))
    })?;
    let (mut swarm, _) = sockets(&server, &guests)?;
    let tenth = |socket: usize| {
        let list = socket % LISTS;
        format!(r#"{{"filter":{{"tags":{{"any":["list{list}"]}}}},"limit":200}}"#)
    };
    let newest = |_: usize| r#"{"limit":200}"#.to_owned();
    let mut figures = Vec::new();
    for (what, list) in [("", &tenth as &dyn Fn(usize) -> String), (", all the same list", &newest)] {
        let watching = (0..watchers).map(|socket| Talker::new(socket, "lobbies.watch", &list(socket)));
        let mut hearing = Hearing::new()?;
        each(&mut swarm, &mut hearing, watching.collect())?;
        hearing.until_quiet(&mut swarm, QUIET)?;
        let changing = lobbies.iter().enumerate().map(|(number, lobby)| {
            // The lists take turns. A name that is not the one before, though it is due at the same time.
            let input = format!(r#"{{"lobby_id":"{lobby}","name":"@ is the time{what}"}}"#);
            Talker::new(watchers + number, "lobbies.update", &input)
        });
        let per_second = CHANGES * count as f64 / 2_000.0;
        let source = [Source { talkers: changing.collect(), per_second, receivers: 0 }];
        let lasting = Duration::from_secs(bench.of(10, 2));
        let meter = Meter::start(&server.process)?;
        let mut hearing = at_rate_unchecked(&mut swarm, &source, lasting)?;
        hearing.until_quiet(&mut swarm, QUIET)?;
        let spent = meter.spent()?;
        let changes = hearing.answered;
        // Each host hears of their own lobby, too.
        let told = hearing.delivered.saturating_sub(changes);
        let name = format!("{name}{what}");
        figures.push(cost(&name, "each watcher and change", spent, watchers as u64 * changes).goal(1.5));
        let in_list = cost(&name, "each watcher and change in their list", spent, told);
        figures.push(in_list.latency(hearing.latency));
        let events = hearing.events.saturating_sub(changes);
        figures.push(cost(&name, "each event delivered", spent, events));
    }
    Ok(figures)
}

fn cost(name: &str, what: &str, spent: Spent, count: u64) -> Figure {
    Figure::cpu(format!("{name}: {what}"), spent, count.max(1))
}

/// Bytes of memory for each lobby, and for each member who joins one.
pub fn held(bench: &Bench, name: &str) -> Result<Vec<Figure>> {
    let count = bench.of(2_000, 20) as usize;
    let server = Server::start(&bench.server)?;
    let guests = run(async {
        let guests = guests(&server, count * MEMBERS).await?;
        // What is kept of callers is not of their lobbies.
        call_all(&server, guests.iter().map(|guest| (guest, GetMe {})).collect()).await?;
        Ok(guests)
    })?;
    let (hosts, others) = guests.split_at_checked(count).context("hosts")?;
    let resident = || {
        std::thread::sleep(if bench.is_quick { QUIET / 10 } else { 3 * QUIET });
        server.process.resident()
    };
    let before = resident()?;
    let lobbies = run(open(&server, hosts))?;
    let with_hosts = resident()?;
    run(async {
        let joining = others.iter().zip(lobbies.iter().cycle()).map(|(guest, lobby)| {
            let wish = Some(SeatWish::Play);
            (guest, JoinLobby { lobby_id: *lobby, password: None, wish, reason: None })
        });
        call_all(&server, joining.collect()).await.map(drop)
    })?;
    let with_members = resident()?;
    let bytes = |what: &str, before: u64, after: u64, count: usize| {
        let bytes = after.saturating_sub(before) as f64 / count as f64;
        Figure::new(format!("{name}: each {what}"), "resident bytes", bytes)
    };
    Ok(vec![
        bytes("lobby with its host", before, with_hosts, count),
        bytes("member more", with_hosts, with_members, others.len()),
    ])
}
