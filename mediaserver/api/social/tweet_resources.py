"""`/tweets` and what people say about them: `/tweets/{id}/comments`, `/comments`."""

from mediaserver.api.declarations.resource import Resource, Within
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
    create=("content",),
    update=("content",),
    filters=("user_id", ("hashtag", "hashtags"), ("mention", "mentions")),
    within=(Within(path="/users/{id}/tweets", parent=User, field="user_id"),),
    deletable=True,
    view=TWEET_VIEW,
    creates=tweets.post,
    updates=posts.edit,
    describes=posts.describe,
)

COMMENTS = Resource(
    path="/comments",
    document=Comment,
    listed=False,
    create=("content",),
    update=("content",),
    within=(
        Within(path="/tweets/{id}/comments", parent=Tweet, field="tweet_id", creates=True, sort=(("_id", 1),)),
    ),
    deletable=True,
    view=COMMENT_VIEW,
    creates=comments.post,
    updates=posts.edit,
    describes=posts.describe,
)
