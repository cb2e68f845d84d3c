//! Which names are destinations, of which kind, and what patterns cover.

use super::*;

fn parse(name: &str) -> Destination {
    Destination::parse(name).unwrap()
}

fn refused(name: &str) -> DestinationError {
    Destination::parse(name).unwrap_err()
}

#[test]
fn kinds() {
    for (name, kind) in [
        ("/topic/a", Kind::Topic),
        ("/topic/a.b/c", Kind::Topic),
        ("/topic/κόσμος", Kind::Topic),
        ("/topic/*x", Kind::Topic),
        ("/topic/$SYS/stats", Kind::Topic),
        ("/queue/a b", Kind::Queue),
        ("/temp-queue/a", Kind::TempQueue),
        ("/temp-topic/a", Kind::TempTopic),
        ("/user/queue/a", Kind::User),
    ] {
        assert_eq!(parse(name).as_str(), name);
        assert_eq!(parse(name).kind(), kind);
        assert!(!parse(name).is_pattern());
    }
}

#[test]
fn what_is_none() {
    for name in ["", "/", "topic/a", "/queues/a", "/TOPIC/a", "/topic"] {
        let error = refused(name).to_string();
        assert!(
            error.ends_with("/topic/ /queue/ /temp-queue/ /temp-topic/ /user/"),
            "{name}"
        );
    }
    assert_eq!(refused("/topic/"), DestinationError::Empty);
    assert_eq!(refused("/topic/a\nb"), DestinationError::ControlCharacter);
    for name in ["/topic/a\u{85}", "/topic/é\t", "/topic/a\u{7f}"] {
        assert_eq!(
            refused(name),
            DestinationError::ControlCharacter,
            "{name:?}"
        );
    }
    for name in ["/topic/**.a", "/topic/a.>/b", "/topic/#.b"] {
        assert_eq!(refused(name), DestinationError::Wildcard, "{name}");
    }
}

#[test]
fn names_at_the_limits_and_one_past() {
    let name = format!("/topic/{}", "x".repeat(DESTINATION_BYTES_MAX - 7));
    assert!(Destination::parse(&name).is_ok());
    assert_eq!(refused(&(name + "x")), DestinationError::TooLong);
    let pattern = format!("/topic/{}*", "x.".repeat(PATTERN_SEGMENTS_MAX - 1));
    assert!(parse(&pattern).is_pattern());
    assert_eq!(
        refused(&(pattern + ".x")),
        DestinationError::TooManySegments
    );
}

#[test]
fn what_is_the_servers_own() {
    let reserved = |name| parse(name).is_reserved();
    assert!(reserved("/topic/$SYS/stats") && reserved("/topic/$SYS") && reserved("/topic/$SYS.x"));
    assert!(!reserved("/topic/$SYSTEM") && !reserved("/topic/a/$SYS") && !reserved("/queue/$SYS"));
}

#[test]
fn prefixes_are_configurable() {
    let prefixes = [
        ("/amq/", Kind::Topic),
        ("/amq/queue/", Kind::Queue),
        ("", Kind::User),
    ];
    let kinds = Kinds::new(prefixes, Some(Kind::Queue));
    assert_eq!(kinds.parse("/amq/queue/a").unwrap().kind(), Kind::Queue);
    assert_eq!(kinds.parse("/amq/a").unwrap().kind(), Kind::Topic);
    assert_eq!(kinds.parse("jms.orders").unwrap().kind(), Kind::Queue);
    assert_eq!(
        kinds.parse("/other/a").unwrap_err().to_string(),
        "the destination is of no known kind; this server has: /amq/ /amq/queue/"
    );
}

#[test]
fn patterns() {
    for (pattern, covered, not_covered) in [
        ("/topic/*", "/topic/a", "/topic/a.b"),
        ("/topic/a.*", "/topic/a/b", "/topic/a"),
        ("/topic/a/**", "/topic/a", "/topic/ab"),
        ("/topic/a.>", "/topic/a.b/c.d", "/topic/b.a"),
        ("/topic/#", "/topic/a", "/topic/$SYS/stats"),
        ("/topic/**", "/topic/a.b", "/queue/a.b"),
        ("/topic/*/stats", "/topic/a/stats", "/topic/$SYS/stats"),
        ("/topic/$SYS/*", "/topic/$SYS/stats", "/topic/$SYS"),
        ("/topic/a/*/c", "/topic/a//c", "/topic/a/c"),
    ] {
        let pattern = parse(pattern);
        assert!(pattern.is_pattern());
        assert!(pattern.covers(&parse(covered)), "{pattern} {covered}");
        assert!(
            !pattern.covers(&parse(not_covered)),
            "{pattern} {not_covered}"
        );
    }
    assert!(parse("/topic/a.b").covers(&parse("/topic/a.b")));
    assert!(!parse("/topic/a.b").covers(&parse("/topic/a/b")));
}

#[test]
fn temporary_names_and_their_owner() {
    let own = parse("/temp-queue/replies");
    assert_eq!(own.owner(), None);
    let known = own.owned_by("s/1%");
    assert_eq!(known.as_str(), "/temp-queue/@s%2F1%25/replies");
    assert_eq!(known.owner(), Some("s%2F1%25"));
    assert_eq!(parse(known.as_str()).owner(), known.owner());
    assert_eq!(parse("/temp-queue/@s").owner(), None);
    assert_eq!(parse("/temp-queue/@s/").owner(), None);
    assert_eq!(parse("/queue/@s/a").owner(), None);
}

#[test]
fn a_user_cannot_listen_to_another() {
    let sent = parse("/user/a.b/c").to_user();
    assert!(parse("/user/*").of_user("a.b").covers(&sent));
    assert!(!parse("/user/b.*").of_user("a").covers(&sent));
    assert!(!parse("/user/**").of_user("a").covers(&sent));
    assert!(!parse("/user/**").of_user("*").covers(&sent));
    assert_eq!(parse("/user/c").of_user("a.b"), sent);
}

#[test]
fn a_pattern_covers_another_that_matches_no_more() {
    for (pattern, asked) in [
        ("/topic/a.*", "/topic/a.*"),
        ("/topic/a.**", "/topic/a/*"),
        ("/topic/a.**", "/topic/a/>"),
        ("/topic/a.**", "/topic/a.b.*.c.**"),
        ("/topic/**", "/topic/*.a"),
        ("/topic/$SYS.**", "/topic/$SYS/*"),
    ] {
        assert!(parse(pattern).covers(&parse(asked)), "{pattern} {asked}");
        assert!(parse(pattern).permits(&parse(asked)), "{pattern} {asked}");
    }
    for (pattern, asked) in [
        ("/topic/a.*", "/topic/**"),
        ("/topic/a.*", "/topic/a.**"),
        ("/topic/a.*", "/topic/a.>"),
        ("/topic/a.*", "/topic/*.*"),
        ("/topic/*", "/topic/**"),
        ("/topic/*.b", "/topic/**"),
        ("/topic/a.**", "/topic/**"),
        ("/topic/a.**", "/topic/*.**"),
        ("/topic/a", "/topic/*"),
        ("/topic/**", "/topic/$SYS.**"),
        ("/topic/**", "/queue/a"),
    ] {
        assert!(!parse(pattern).covers(&parse(asked)), "{pattern} {asked}");
        assert!(!parse(pattern).permits(&parse(asked)), "{pattern} {asked}");
    }
}

#[test]
fn permissions_for_what_is_of_users() {
    let to = |name: &str| parse(name).to_user();
    for (pattern, permitted, not_permitted) in [
        (
            "/user/ann/queue/a",
            "/user/ann/queue/a",
            "/user/ann/queue.a",
        ),
        ("/user/ann/**", "/user/ann/queue/a", "/user/ann.b/queue/a"),
        ("/user/ann/*", "/user/ann/a", "/user/bob/a"),
        ("/user/*/news.**", "/user/ann.b/news.a", "/user/ann/other"),
        ("/user/*/*", "/user/ann.b/a", "/user/ann/a.b"),
        ("/user/**", "/user/ann/a.b", "/topic/ann/a.b"),
        ("/user/>", "/user/ann", "/queue/ann"),
    ] {
        let pattern = parse(pattern);
        assert!(pattern.permits(&to(permitted)), "{pattern} {permitted}");
        let not_permitted = to(not_permitted);
        assert!(
            !pattern.permits(&not_permitted),
            "{pattern} {not_permitted}"
        );
    }
    let asked = parse("/user/news.**").of_user("a/b");
    assert!(parse("/user/a%2Fb/**").permits(&asked));
    assert!(!parse("/user/a%2Fb/news.*").permits(&asked));
    assert!(!parse("/user/a/**").permits(&asked));
}

#[test]
fn a_permission_is_for_one_kind() {
    let prefixes = [
        ("/", Kind::User),
        ("/queue/", Kind::Queue),
        ("/topic/", Kind::Topic),
        ("/topic/q/", Kind::Queue),
    ];
    let kinds = Kinds::new(prefixes, None);
    let permits = |permission, asked| {
        let [permission, asked] = [permission, asked].map(|name| kinds.parse(name).unwrap());
        permission.permits(&asked)
    };
    for permission in ["/**", "/*/**", "/alice/**"] {
        assert!(permits(permission, "/alice/x"), "{permission}");
        assert!(!permits(permission, "/queue/x"), "{permission}");
        assert!(!permits(permission, "/topic/x"), "{permission}");
    }
    assert!(permits("/topic/**", "/topic/x"));
    assert!(!permits("/topic/**", "/topic/q/x"));
    assert!(permits("/topic/q/**", "/topic/q/x"));
}
