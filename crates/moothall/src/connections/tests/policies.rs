//! How many sessions of a kind a user has, and who goes.

use super::*;

#[tokio::test]
async fn a_second_game_takes_the_place_of_the_first_and_a_web_page_stays() {
    with_accounts(async |hall| {
        let first = people::sign_up(&hall.hall, "Ana").await;
        let web = sign_in(hall, "Ana", SessionKind::Web).await;
        let second = sign_in(hall, "Ana", SessionKind::Game).await;
        let mut one = Client::open(hall, &first).await;
        let mut page = Client::open(hall, &web).await;
        let two = Client::open(hall, &second).await;
        assert_eq!(one.closing().await.code, CloseCode::Replaced);
        page.hear();
        let all = list(&hall.call(first.user.id, &[LIST]), ListConnected::default()).await.unwrap();
        let mut live: Vec<_> =
            all.items.iter().map(|session| (session.session_id, session.is_attached)).collect();
        live.sort();
        let mut expected = [(web.session_id, true), (second.session_id, true)];
        expected.sort();
        assert_eq!(live, expected);
        assert!(two.sees(first.user.id).await.is_online);
    })
    .await;
}

#[tokio::test]
async fn a_policy_that_refuses_leaves_the_one_that_is_there() {
    let refuse = |settings: &mut crate::Settings| {
        settings.connections.sessions.game = SessionPolicy { max: 1, on_excess: OnExcess::Refuse };
    };
    with_settings(refuse, async |hall| {
        let first = people::sign_up(&hall.hall, "Ana").await;
        let second = sign_in(hall, "Ana", SessionKind::Game).await;
        let mut one = Client::open(hall, &first).await;
        let cx = people::call(&hall.hall, &second).await;
        assert_eq!(code(snapshot::open(&cx, None).await), "too_many_sessions");
        one.hear();
        // One that waits to be resumed makes room.
        drop(one);
        Client::open(hall, &second).await;
    })
    .await;
}

#[tokio::test]
async fn a_newer_socket_of_the_same_session_takes_its_stream() {
    with_accounts(async |hall| {
        let ana = people::sign_up(&hall.hall, "Ana").await;
        let mut one = Client::open(hall, &ana).await;
        let mut two = Client::open(hall, &ana).await;
        assert_eq!(one.closing().await.code, CloseCode::Replaced);
        drop(one);
        assert_eq!(two.hear().len(), 0);
        assert!(two.sees(ana.user.id).await.is_online, "the old socket's end is not the user's");
    })
    .await;
}

#[tokio::test]
async fn t096_staff_list_who_is_connected_page_by_page_and_by_kind() {
    with_accounts(async |hall| {
        let mut clients = Vec::new();
        for name in ["Ana", "Ben", "Cem"] {
            let signed_in = people::sign_up(&hall.hall, name).await;
            clients.push(Client::open(hall, &signed_in).await);
        }
        let web = sign_in(hall, "Ana", SessionKind::Web).await;
        clients.push(Client::open(hall, &web).await);
        let staff = hall.call(web.user.id, &[LIST]);
        assert_eq!(code(list(&clients[0].cx, ListConnected::default()).await), "forbidden");
        let mut found = Vec::new();
        let mut cursor = None;
        loop {
            let page = list(&staff, ListConnected { limit: Some(3), cursor, kind: None }).await.unwrap();
            found.extend(page.items.iter().map(|session| session.session_id));
            cursor = page.next;
            if cursor.is_none() {
                break;
            }
        }
        assert_eq!(found.len(), 4);
        assert!(found.is_sorted());
        let webs = ListConnected { kind: Some(SessionKind::Web), ..ListConnected::default() };
        let webs = list(&staff, webs).await.unwrap().items;
        assert_eq!((webs.len(), webs[0].session_id), (1, web.session_id));
        let count = count(&clients[1].cx, CountConnected {}).await.unwrap();
        assert_eq!((count.players, count.bots, count.sessions), (3, 0, 4));
    })
    .await;
}
