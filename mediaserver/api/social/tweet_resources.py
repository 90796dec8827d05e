"""`/tweets` and what people say about them: `/tweets/{id}/comments`, `/comments`."""

from mediaserver.api.declarations.resource import Create, Delete, Listing, Resource, Update, Within
from mediaserver.api.declarations.shapes import view_of
from mediaserver.domain.accounts.users import User
from mediaserver.domain.social.comments import Comment
from mediaserver.domain.social.tweets import Tweet
from mediaserver.usecases.social import comments, posts, tweets

TWEET_VIEW = view_of(Tweet, liked=(bool, ...))
COMMENT_VIEW = view_of(Comment, liked=(bool, ...))

TWEETS = Resource(
    path="/tweets",
    document=Tweet,
    listing=Listing(filters=("user_id", ("hashtag", "hashtags"), ("mention", "mentions"))),
    within=(Within(path="/users/{id}/tweets", parent=User, field="user_id"),),
    create=Create(("content",), tweets.post),
    update=Update(("content",), posts.edit),
    delete=Delete(),
    view=TWEET_VIEW,
    describe=posts.describe,
)

COMMENTS = Resource(
    path="/comments",
    document=Comment,
    listing=Listing(top_level=False),
    within=(
        Within(path="/tweets/{id}/comments", parent=Tweet, field="tweet_id", creates=True, order=(("_id", 1),)),
    ),
    create=Create(("content",), comments.post),
    update=Update(("content",), posts.edit),
    delete=Delete(),
    view=COMMENT_VIEW,
    describe=posts.describe,
)
