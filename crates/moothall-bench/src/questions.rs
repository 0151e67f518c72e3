//! What every operation asks before it does anything, in this process: may somebody do it, do they reach another, how is it set.

use std::hint::black_box;
use std::time::Duration;

use anyhow::{Result, ensure};
use moothall::accounts::{self, Credential};
use moothall::protocol::UserId;
use moothall::protocol::accounts::SignUpGuest;
use moothall::protocol::relationships::AskFriend;
use moothall::protocol::restrictions::{RestrictionScope, RestrictionSource};
use moothall::reach::{self, How, Reach};
use moothall::restrictions::{self, NewRestriction, Scope};
use moothall::{Caller, Cx, Hall, Origin, Settings, relationships};

use crate::Bench;
use crate::load::run;
use crate::process::{Spent, cpu_of};
use crate::report::Figure;

const GOAL: f64 = 1.0;

/// Somebody with a thousand friends, who may make no rooms, asks from memory. Each question has another answer.
pub fn all(bench: &Bench, name: &str) -> Result<Vec<Figure>> {
    let (friends, count) = (bench.of(1_000, 10), bench.of(1_000_000, 1_000));
    let folder = tempfile::tempdir()?;
    let mut settings = Settings::default();
    settings.store.url = format!("sqlite:{}", folder.path().join("b.db").display());
    run(async {
        let hall = Hall::builder(settings).open().await?;
        let (hub, stranger) = (guest(&hall).await?, user(&guest(&hall).await?)?);
        let mut known = Vec::new();
        for _ in 0..friends {
            let friend = guest(&hall).await?;
            relationships::ask(&hub, asking(user(&friend)?)).await?;
            relationships::ask(&friend, asking(user(&hub)?)).await?;
            known.push(user(&friend)?);
        }
        let held = held_back(user(&hub)?);
        Cx::server(&hall).write(move |tx| restrictions::impose(tx, &held).map(drop)).await?;
        ensure!(restrictions::check(&hub, "room_create", Scope::ANYWHERE).await.is_err());
        let mut figures = Vec::new();
        let cpu = || -> Result<u64> { cpu_of("self") };
        let mut told = |what: &str, began: u64, ended: u64| {
            let server = Duration::from_nanos(ended - began);
            let spent = Spent { server, load: Duration::ZERO };
            figures.push(Figure::cpu(format!("{name}: {what}"), spent, count).goal(GOAL));
        };

        let began = cpu()?;
        for _ in 0..count {
            restrictions::check(black_box(&hub), "chat", Scope::ANYWHERE).await?;
        }
        told("may they chat", began, cpu()?);

        for (what, whom) in [("a stranger", vec![stranger]), ("friends", known)] {
            // Until all of it is in memory.
            for user in &whom {
                ensure!(reach::may_reach(&hub, *user, How::Write).await? == Reach::Yes);
            }
            let began = cpu()?;
            for user in whom.iter().cycle().take(count as usize) {
                black_box(reach::may_reach(&hub, *user, How::Write).await?);
            }
            told(&format!("do they reach {what}"), began, cpu()?);
        }

        let began = cpu()?;
        for _ in 0..count {
            black_box(hall.settings().communication.members_max);
        }
        told("a setting", began, cpu()?);
        hall.close().await;
        Ok(figures)
    })
}

fn user(cx: &Cx) -> Result<UserId> {
    Ok(cx.require_user()?)
}

async fn guest(hall: &Hall) -> Result<Cx> {
    let nobody = Cx::new(hall, Caller::Nobody, Origin::default());
    let signed_in = accounts::sign_up_guest(&nobody, SignUpGuest::default()).await?;
    let identity = accounts::authenticate(hall, &Credential::Bearer(signed_in.access_token)).await?;
    Ok(nobody.by(Caller::Member(identity)))
}

fn asking(user_id: UserId) -> AskFriend {
    AskFriend { user_id, message: None }
}

fn held_back(user: UserId) -> NewRestriction {
    NewRestriction {
        user,
        types: vec!["room_create".to_owned()],
        scope: RestrictionScope::default(),
        reason: "benchmark".to_owned(),
        public_reason: "benchmark".to_owned(),
        evidence: Default::default(),
        source: RestrictionSource::Automatic,
        action: None,
        ends_at: None,
        after_matches: None,
    }
}
