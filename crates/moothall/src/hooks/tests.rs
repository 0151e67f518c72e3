//! A hall that was opened with hooks asks them wherever they have a say, and does what they say.

use std::future::pending;

use moothall_protocol::accounts::{GetMe, Rename, SignUp, SignUpGuest, UpgradeGuest};
use moothall_protocol::communication::{CreateRoom, EditMessage, GetMessage, SendMessage};
use parking_lot::Mutex;

use super::*;
use crate::accounts::testing::{PASSWORD, call, code, from, sign_up, sign_up_guest, with_accounts};
use crate::testing::TestHall;
use crate::{accounts, communication};

/// Lets in nobody of this name.
const UNWELCOME: &str = "Mallory";

/// A house with rules, and whatever it was asked.
#[derive(Default)]
struct House {
    sign_ups: Mutex<Vec<(String, Option<String>)>>,
    renames: Mutex<Vec<(UserId, String)>>,
    messages: Mutex<Vec<(UserId, RoomId, String)>>,
}

fn welcome(name: &str) -> Result<(), Error> {
    if name == UNWELCOME {
        return Err(Error::Refused { code: "not_welcome", title: "we remember you".to_owned() });
    }
    Ok(())
}

impl Hooks for House {
    fn before_sign_up<'a>(
        &'a self,
        _: &'a Cx,
        attempt: &'a SignUpAttempt,
    ) -> BoxFuture<'a, Result<(), Error>> {
        self.sign_ups.lock().push((attempt.name.clone(), attempt.email.clone()));
        Box::pin(async { welcome(&attempt.name) })
    }

    fn before_rename<'a>(
        &'a self,
        _: &'a Cx,
        attempt: &'a RenameAttempt,
    ) -> BoxFuture<'a, Result<(), Error>> {
        self.renames.lock().push((attempt.user, attempt.name.clone()));
        Box::pin(async { welcome(&attempt.name) })
    }

    fn before_message<'a>(
        &'a self,
        _: &'a Cx,
        attempt: &'a MessageAttempt,
    ) -> BoxFuture<'a, Result<Verdict, Error>> {
        self.messages.lock().push((attempt.sender, attempt.room, attempt.text.clone()));
        let verdict = match attempt.text.as_str() {
            "the treasure" => Verdict::Mask("a secret".to_owned()),
            "the exam" => Verdict::Block("not before Friday".to_owned()),
            _ => Verdict::Pass,
        };
        Box::pin(async { Ok(verdict) })
    }
}

/// A test in such a house, on both engines.
async fn in_a_house(test: impl AsyncFn(&TestHall, &House)) {
    with_accounts(async |hall| {
        let house = Arc::new(House::default());
        hall.change_hooks(Arc::clone(&house) as _).await;
        test(hall, &house).await;
    })
    .await;
}

#[tokio::test]
async fn a_hook_refuses_who_signs_up() {
    in_a_house(async |test, house| {
        let input = SignUp {
            name: UNWELCOME.into(),
            email: "mallory@example.org".into(),
            password: PASSWORD.into(),
            kind: None,
            device_id: None,
        };
        let refused = accounts::sign_up(&from(&test.hall, "10.0.0.1"), input).await;
        assert_eq!(code(refused), "not_welcome");
        sign_up(&test.hall, "Ana").await;
        let asked = |name: &str, email: &str| (name.to_owned(), Some(email.to_owned()));
        let expected = [asked(UNWELCOME, "mallory@example.org"), asked("Ana", "Ana@example.org")];
        assert_eq!(*house.sign_ups.lock(), expected);
    })
    .await;
}

#[tokio::test]
async fn a_hook_refuses_a_guest() {
    in_a_house(async |test, house| {
        let input = SignUpGuest { name: Some(UNWELCOME.into()), kind: None, device_id: None };
        let refused = accounts::sign_up_guest(&from(&test.hall, "10.0.0.1"), input).await;
        assert_eq!(code(refused), "not_welcome");
        // It is asked of names that the server made up as well.
        let guest = sign_up_guest(&test.hall).await;
        assert_eq!(*house.sign_ups.lock(), [(UNWELCOME.to_owned(), None), (guest.user.name, None)]);
    })
    .await;
}

#[tokio::test]
async fn a_hook_refuses_the_name_of_a_guest_who_upgrades() {
    in_a_house(async |test, house| {
        let guest = sign_up_guest(&test.hall).await;
        let cx = call(&test.hall, &guest).await;
        house.sign_ups.lock().clear();
        let upgrade = |name: &str| UpgradeGuest {
            name: Some(name.to_owned()),
            email: "ana@example.org".into(),
            password: PASSWORD.into(),
        };
        assert_eq!(code(accounts::upgrade_guest(&cx, upgrade(UNWELCOME)).await), "not_welcome");
        let me = accounts::me(&cx, GetMe {}).await.unwrap();
        assert!(me.is_guest && me.name == guest.user.name, "nothing came of it: {me:?}");
        assert_eq!(code(accounts::upgrade_guest(&cx, upgrade("Ana")).await), "ok");
        let email = || Some("ana@example.org".to_owned());
        assert_eq!(*house.sign_ups.lock(), [(UNWELCOME.to_owned(), email()), ("Ana".to_owned(), email())]);
    })
    .await;
}

#[tokio::test]
async fn a_hook_refuses_another_name() {
    in_a_house(async |test, house| {
        let ana = sign_up(&test.hall, "Ana").await;
        let cx = call(&test.hall, &ana).await;
        let rename = |name: &str| Rename { name: name.to_owned(), password: Some(PASSWORD.to_owned()) };
        assert_eq!(code(accounts::rename(&cx, rename(UNWELCOME)).await), "not_welcome");
        assert_eq!(accounts::me(&cx, GetMe {}).await.unwrap().name, "Ana");
        assert_eq!(accounts::rename(&cx, rename("Anabel")).await.unwrap().name, "Anabel");
        let asked = |name: &str| (ana.user.id, name.to_owned());
        assert_eq!(*house.renames.lock(), [asked(UNWELCOME), asked("Anabel")]);
    })
    .await;
}

#[tokio::test]
async fn a_hook_masks_and_blocks_what_is_sent_and_edited() {
    in_a_house(async |test, house| {
        let ana_id = test.user("Ana").await;
        let ana = test.call(ana_id, &[]);
        let room: CreateRoom = serde_json::from_value(serde_json::json!({ "name": "Tavern" })).unwrap();
        let room_id = communication::create_room(&ana, room).await.unwrap().id;
        let send = async |text: &str| {
            let (text, attachments, mentions) = (text.to_owned(), Vec::new(), Vec::new());
            let input = SendMessage { room_id, text, attachments, reply_to: None, mentions };
            communication::send(&ana, input).await
        };
        assert_eq!(code(send("the exam").await), "text_refused");
        assert_eq!(send("the treasure").await.unwrap().text, "a secret");
        let message = send("the weather").await.unwrap();
        assert_eq!((message.text.as_str(), message.seq), ("the weather", 2), "what is blocked is no message");

        let edit = async |text: &str| {
            let (message_id, text) = (message.id, text.to_owned());
            let input = EditMessage {
                room_id,
                message_id,
                text,
                attachments: None,
                mentions: None,
                if_version: None,
            };
            communication::edit(&ana, input).await
        };
        assert_eq!(code(edit("the exam").await), "text_refused");
        assert_eq!(edit("the treasure").await.unwrap().text, "a secret");
        let input = GetMessage { room_id, message_id: message.id };
        let stored = communication::get_message(&ana, input).await.unwrap();
        assert_eq!((stored.text.as_str(), stored.version), ("a secret", 2));

        let texts = ["the exam", "the treasure", "the weather", "the exam", "the treasure"];
        let asked = texts.map(|text| (ana_id, room_id, text.to_owned()));
        assert_eq!(*house.messages.lock(), asked);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_hook_has_its_time_and_what_it_did_not_say_is_no_yes() {
    let slow = async {
        tokio::time::sleep(HOOK_DEADLINE - Duration::from_millis(1)).await;
        Ok(Verdict::Pass)
    };
    assert_eq!(ask(Box::pin(slow)).await.unwrap(), Verdict::Pass);
    let asked = tokio::time::Instant::now();
    let refused = ask::<Verdict>(Box::pin(pending())).await;
    assert_eq!((code(refused), asked.elapsed()), ("unavailable", HOOK_DEADLINE));
}
