//! The audit log.

use moothall_protocol::audit::ListAudit;
use moothall_protocol::{Timestamp, UserId};

use super::*;
use crate::{FakeClock, Hall, Settings};

async fn hall(folder: &tempfile::TempDir) -> Hall {
    let mut settings = Settings::default();
    settings.store.url = format!("sqlite:{}", folder.path().join("test.db").display());
    let clock = FakeClock::at(Timestamp::from_micros(1_795_000_000_000_000));
    Hall::builder(settings).clock(clock).open().await.unwrap()
}

#[tokio::test]
async fn an_action_and_its_line_are_committed_together_or_not_at_all() {
    let folder = tempfile::tempdir().unwrap();
    let hall = hall(&folder).await;
    let cx = Cx::server(&hall);
    let user: UserId = cx.new_id();
    cx.write(move |tx| {
        record(tx, Entry::new("accounts.rename").user(user).reason("asked").change(&"a", &"b"))
    })
    .await
    .unwrap();
    let undone: Result<(), Error> = cx
        .write(move |tx| {
            record(tx, Entry::new("accounts.erase").user(user))?;
            Err(Error::Forbidden)
        })
        .await;
    assert!(undone.is_err());
    let page = list(&cx, ListAudit::default()).await.unwrap();
    assert_eq!(page.items.len(), 1);
    let line = &page.items[0];
    assert_eq!(
        (line.action.as_str(), line.target.as_str()),
        ("accounts.rename", format!("user:{user}").as_str())
    );
    assert_eq!((line.before.clone(), line.after.clone()), (Some("a".into()), Some("b".into())));
    assert_eq!(line.reason.as_deref(), Some("asked"));
}

#[tokio::test]
async fn the_log_is_read_in_pages_and_by_filter_and_only_with_the_permission() {
    let folder = tempfile::tempdir().unwrap();
    let hall = hall(&folder).await;
    let cx = Cx::server(&hall);
    let users: Vec<UserId> = (0..5).map(|_| cx.new_id()).collect();
    for user in users.clone() {
        cx.write(move |tx| record(tx, Entry::new("accounts.update_user").user(user))).await.unwrap();
    }
    let mut seen = Vec::new();
    let mut cursor = None;
    loop {
        let page = list(&cx, ListAudit { limit: Some(2), cursor, ..ListAudit::default() }).await.unwrap();
        seen.extend(page.items.into_iter().map(|line| line.target));
        cursor = page.next;
        if cursor.is_none() {
            break;
        }
    }
    assert_eq!(seen.len(), 5);
    let target = Some(format!("user:{}", users[3]));
    assert_eq!(list(&cx, ListAudit { target, ..ListAudit::default() }).await.unwrap().items.len(), 1);
    let action = Some("accounts.other".to_owned());
    assert_eq!(list(&cx, ListAudit { action, ..ListAudit::default() }).await.unwrap().items.len(), 0);
    let nobody = Cx::new(&hall, crate::Caller::Nobody, crate::Origin::default());
    assert!(matches!(list(&nobody, ListAudit::default()).await, Err(Error::NotSignedIn)));
}
