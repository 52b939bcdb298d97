"""The second client: the datasets of UiPath Communications Mining (API v1), on the same transport.

.. code-block:: python

    async with CommunicationsMiningClient() as mining:
        async for comment in mining.dataset("project", "name").export():
            print(comment.uid, [label.name for label in comment.assigned_labels])
"""

from claro_async.communications_mining.client import CommunicationsMiningClient
from claro_async.communications_mining.comment_file import CommentFile, ExportProgress
from claro_async.communications_mining.comments import ExportedComment
from claro_async.communications_mining.datasets import Dataset, DatasetListing, Datasets
from claro_async.communications_mining.export import ExportStream
from claro_async.communications_mining.models import (
    AnnotatedComment,
    Annotations,
    AssignedLabel,
    Comment,
    CommentOrder,
    CreatedDataset,
    DatasetDeletion,
    DatasetDetails,
    LabelProperty,
    Message,
    MessageText,
    ModelTag,
    PredictedLabel,
    Predictions,
)

__all__ = [
    "AnnotatedComment",
    "Annotations",
    "AssignedLabel",
    "Comment",
    "CommentFile",
    "CommentOrder",
    "CommunicationsMiningClient",
    "CreatedDataset",
    "Dataset",
    "DatasetDeletion",
    "DatasetDetails",
    "DatasetListing",
    "Datasets",
    "ExportProgress",
    "ExportStream",
    "ExportedComment",
    "LabelProperty",
    "Message",
    "MessageText",
    "ModelTag",
    "PredictedLabel",
    "Predictions",
]
