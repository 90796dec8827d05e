"""`/follows`: who follows whom, also as the lists of one person's followers and of those whom they follow."""

from mediaserver.api.declarations.resource import Create, Delete, Listing, Resource, Within
from mediaserver.domain.accounts.users import User
from mediaserver.domain.social.follows import Follow
from mediaserver.usecases.social import follows

FOLLOWS = Resource(
    path="/follows",
    document=Follow,
    listing=Listing(filters=("follower_user_id", "following_user_id")),
    within=(
        Within(path="/users/{id}/followers", parent=User, field="following_user_id"),
        Within(
            path="/users/{id}/following",
            parent=User,
            field="follower_user_id",
            summary="List the users that a user follows",
            description="Return a page of the users that a user follows, newest first.",
        ),
    ),
    create=Create(("following_user_id",), follows.follow),
    delete=Delete(follows.unfollow),
)
